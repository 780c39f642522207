"""A step, executed by the executor of `up` and `down` and watched: locks, rewrites, scans, rows written.

A second session reads the locks while the transaction is open. A relation that this session does not see in its catalog
was created by the file: no other session uses it yet, so nothing waits for it. The counters of rewrites, scans and rows
belong to the open transaction, so the executing session itself is asked for them between two statements
(https://www.postgresql.org/docs/current/monitoring-stats.html, ``pg_stat_xact_all_tables``).

A statement that runs without a transaction is watched while it runs. A third session holds a snapshot and a lock on
every table for a moment, so that the statement waits and its locks can be read.
"""

from __future__ import annotations

import re
import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field

import psycopg

from sqlmigrate.catalog.objects import Catalog
from sqlmigrate.database.session import Request, Session, connect
from sqlmigrate.errors import StatementError
from sqlmigrate.executor.events import (
    Failed,
    Noticed,
    Observation,
    Progress,
    StatementAlone,
    StatementDone,
    StatementOpen,
)
from sqlmigrate.executor.executor import Executor
from sqlmigrate.history import read
from sqlmigrate.history.state import Execution
from sqlmigrate.history.table import History, names_in_catalog
from sqlmigrate.identifiers import QUALIFIED, displayed
from sqlmigrate.parsing.script import Script
from sqlmigrate.parsing.statement import Statement
from sqlmigrate.parsing.tokens import blanked
from sqlmigrate.plan.plan import Limits, Step

from .catalog_changes import CatalogChanges
from .facts import FileRun, Notice, Relation, RelationEffect, StatementFacts
from .lock_modes import MODES, rank
from .watch_sql import BASE, LOCKS, PLAN_AS_IF_LARGE, REINDEXED, RELATION, STORAGE, TABLES, WAITS, WORK

_NO_STORAGE = "0"  # the number of a partitioned table or index
_TICK_SECONDS = 0.005
_MANY_ROWS = 20  # read by an index: fewer are not counted as a scan
_PINNED_SECONDS = 0.2
_TERMINATE_SECONDS = 2.0  # after the statement was cancelled, which a block in PL/pgSQL can catch
_OBSERVATION = Observation(_TICK_SECONDS, is_step_by_step=True)
_MODE = {mode.title().replace(" ", "") + "Lock": mode for mode in MODES}
_KINDS = {
    "r": "table",
    "p": "partitioned table",
    "i": "index",
    "I": "index",
    "S": "sequence",
    "v": "view",
    "m": "materialized view",
    "f": "foreign table",
}

_LOCKING = ("CREATE INDEX", "CREATE UNIQUE", "DROP INDEX", "REINDEX", "ALTER TABLE", "VACUUM", "CLUSTER", "CALL")
_REINDEXES = re.compile(
    rf"(?i)\s*reindex\s+(?:\([^)]*\)\s*)?(?:index|table)\s+(?:concurrently\s+)?(?P<name>{QUALIFIED})"
)
_COMMITS = re.compile(r"(?i)\b(?:commit|rollback|call)\b")
_DDL = re.compile(r"(?i)\b(?:alter|create|drop|truncate|cluster|reindex|lock|execute)\b")

# The locks of these statements on their table; a phase may be too short to be seen (measured on 11 to 18).
_KNOWN = {
    "create index": "SHARE UPDATE EXCLUSIVE",
    "drop index": "SHARE UPDATE EXCLUSIVE",
    "detach partition": "SHARE UPDATE EXCLUSIVE",
}


@dataclass(frozen=True)
class _Held:
    """The strongest lock on one relation.

    Attributes:
        relation: the relation; None if the file created it
        mode: the lock
        storage: its storage as other sessions see it; None if they do not see the relation
    """

    relation: Relation | None
    mode: str
    storage: str | None

    @property
    def is_unseen(self) -> bool:
        """Whether the open transaction created it, so that other sessions do not see it yet."""
        return self.storage is None


@dataclass(frozen=True)
class _Counters:
    """One relation as the transaction sees it, and what the transaction has done to it.

    Attributes:
        storage: its storage
        table: the table of an index, by its OID
        name: its name
        scanned: how many rows were read by sequential scans
        scans: how many sequential scans were begun, also of an empty table
        by_index: how many rows were read by its indexes
        inserted: how many rows were inserted
        updated: how many rows were updated
        deleted: how many rows were deleted
    """

    storage: str
    table: int | None
    name: str
    scanned: int
    scans: int
    by_index: int
    inserted: int
    updated: int
    deleted: int

    @property
    def written(self) -> int:
        return self.inserted + self.updated + self.deleted


_NOTHING = _Counters("", None, "", 0, 0, 0, 0, 0, 0)


@dataclass
class _Progress:
    """What is known so far of a step that is being executed."""

    script: Script
    changes: CatalogChanges
    emptied: Mapping[int, int]
    statements: list[StatementFacts] = field(default_factory=list)
    notices: list[Notice] = field(default_factory=list)
    error: StatementError | None = None
    failed_at: int = 0
    held: dict[int, _Held] = field(default_factory=dict)
    counters: dict[int, _Counters] = field(default_factory=dict)
    began: float = field(default_factory=time.monotonic)


class Watch:
    """Executes steps on one shadow database, and measures them. Closing it ends its sessions.

    Args:
        owner_url: The database, for the role that executes.
        admin_url: The database, for the role that watches.
        table: The history table.
        limit: How long a statement may take before it is cancelled, in seconds.

    Attributes:
        session: the session that executes
        observer: the session that watches
        history: the names of the history table and its log, as the catalog writes them
    """

    def __init__(self, owner_url: str, admin_url: str, table: str, limit: float = 30.0) -> None:
        with ExitStack() as stack:
            self.session = stack.enter_context(connect(owner_url))
            self.observer = stack.enter_context(connect(admin_url))
            self._pin = stack.enter_context(connect(admin_url))
            self._opened = stack.pop_all()
        self._base = frozenset(oid for (oid,) in self.observer.ask(BASE)[0])  # relations of new files are not used yet
        self._limit = limit
        self._state = read.read(self.session, table)
        self.history = history_tables(self.observer, self._state.history)
        self._hidden = {displayed(name) for name in self.history}
        self._seen: dict[int, _Held] = {}
        self._is_pinned = self._is_alone = self._is_stopped = False
        self._since = time.monotonic()

    def execution(self, version: str) -> Execution | None:
        """Return the row of the history of a migration; None if there is none."""
        found = read.executions(self.session, self._state.history)
        return next((each for each in found if each.version == version), None)

    def close(self) -> None:
        """Disconnect."""
        self._opened.close()

    def run(self, step: Step, catalog: Catalog | None = None, emptied: Mapping[int, int] | None = None) -> FileRun:
        """Execute one step, and return what was measured; a failure is part of it.

        Args:
            step: The step.
            catalog: The catalog at this moment; without it, it is not measured what each statement changes in it.
            emptied: How many rows tables had that were emptied, by OID: a scan of one counts as one of so many rows.
        """
        self.session.reconnect()  # counters add up in a session, and a file may leave settings
        self.session.ask(PLAN_AS_IF_LARGE)
        executor = Executor(self.session, self._state, Limits(lock_retries=0), _OBSERVATION)
        changes = CatalogChanges(step.script, catalog, self.observer, self.history)
        progress = _Progress(step.script, changes, emptied or {})
        self._is_stopped = False
        self._next(step.script, step.done_before + 1)
        with closing(executor.execute(step)) as happening:
            for happened in happening:
                match happened:
                    case Progress():
                        self._on_tick(self.session.pid)
                    case StatementOpen(_, number):
                        progress.statements.append(self._measured(progress, number))
                        self._is_alone = False
                    case StatementAlone(_, number):
                        self._wait_for_locks_of(step.script, number)
                    case StatementDone(_, number, _):
                        if step.script.mode == "transaction":
                            progress.statements.append(self._measured(progress, number))
                        elif self._is_alone:
                            facts = self._watched_alone(step.script, number)
                            progress.counters |= self._counters(self._seen)
                            facts = changes.of(step.script.statements[number - 1], facts, self.observer)
                            progress.statements.append(facts)
                        self._next(step.script, number + 1)
                        progress.began = time.monotonic()
                    case Noticed(_, severity, message):
                        number = step.done_before + len(progress.statements) + 1
                        progress.notices.append(Notice(number, f"{severity}: {message}"))
                    case Failed(_, error, number):
                        progress.error, progress.failed_at = error, number
        self._release()
        return FileRun(
            step.direction,
            step.script,
            tuple(progress.statements),
            progress.error,
            progress.failed_at,
            self._is_stopped,
            tuple(progress.notices),
        )

    def _on_tick(self, pid: int) -> None:
        """Read the locks of the statement that is being executed; cancel it if it takes too long."""
        elapsed = time.monotonic() - self._since
        if self._is_alone:
            self._keep(self._locks(pid))
            if self._is_pinned and (elapsed > _PINNED_SECONDS or self.observer.ask(Request(WAITS, (str(pid),)))[0]):
                self._keep(self._locks(pid))
                self._release()
        if elapsed > self._limit:
            self._stop(pid, "cancel" if elapsed < self._limit + _TERMINATE_SECONDS else "terminate")

    def _stop(self, pid: int, how: str) -> None:
        self._is_stopped = True
        self.observer.ask(Request(f"select pg_catalog.pg_{how}_backend($1::int)::text", (str(pid),)))

    # statements in a transaction

    def _in_transaction(self, script: Script, number: int) -> bool:
        statement = script.statements[number - 1]
        return script.mode == "transaction" or (statement.kind.runs_in_transaction and not _may_commit(statement))

    def _measured(self, progress: _Progress, number: int) -> StatementFacts:
        elapsed = (time.monotonic() - progress.began) * 1000
        if progress.script.mode == "statements":
            progress.held = {}
        if number <= progress.script.settings:  # a query before the next SET TRANSACTION would make that fail
            return StatementFacts(number, duration_ms=elapsed)
        locks = self._locks(self.session.pid)
        rows = self._work(locks)
        counters = {int(row[0] or 0): _counters(row) for row in rows}
        touches = tuple(_touches(locks, progress, counters))
        created = sum(each.is_unseen for each in locks.values()) - sum(
            each.is_unseen for each in progress.held.values()
        )
        bounded = (rows[0][9] if rows else "") != "0"
        progress.held = locks
        progress.counters |= counters
        facts = StatementFacts(number, touches, elapsed, created=max(created, 0), is_bounded=bounded)
        return progress.changes.of(progress.script.statements[number - 1], facts, self.session)

    def _work(self, oids: Collection[int]) -> Sequence[Sequence[str | None]]:
        return self.session.ask(Request(WORK, (" ".join(map(str, oids)),)))[0]

    def _counters(self, oids: Collection[int]) -> dict[int, _Counters]:
        """Read the counters after a statement without a transaction: PostgreSQL adds them up in the session."""
        return {int(row[0] or 0): _counters(row) for row in self._work(oids)}

    def _locks(self, pid: int) -> dict[int, _Held]:
        """Return the strongest lock on each relation of the users, by OID."""
        strongest: dict[int, _Held] = {}
        rows = self.observer.ask(Request(LOCKS, (str(pid),)))[0]
        for oid, mode, _, kind, schema, storage, name, table, parent, of_extension in rows:
            if schema in ("pg_catalog", "information_schema", "pg_toast") or kind in ("t", "c") or name in self._hidden:
                continue
            if table in self._hidden:
                continue
            is_new = kind is None or oid not in self._base
            relation = (
                None
                if is_new
                else Relation(int(oid or 0), name or "", _KINDS[kind or ""], table, parent, of_extension == "true")
            )
            known = strongest.get(int(oid or 0))
            spelled = _MODE.get(mode or "", "")
            if known is None or rank(spelled) > rank(known.mode):
                strongest[int(oid or 0)] = _Held(relation, spelled, storage)
        return strongest

    # statements without a transaction

    def _next(self, script: Script, number: int) -> None:
        """Prepare for a statement."""
        self._release()
        self._seen = {}
        self._since = time.monotonic()
        self._is_alone = False
        if number <= len(script.statements) and not self._in_transaction(script, number):
            self._wait_for_locks_of(script, number)

    def _wait_for_locks_of(self, script: Script, number: int) -> None:
        """Prepare for a statement without a transaction: what it locks for a moment only is seen while it waits."""
        self._is_alone = True
        if _may_lock(script.statements[number - 1]):
            self._hold()

    def _hold(self) -> None:
        tables = self.observer.ask(Request(TABLES, self.history))[0][0][0]
        requests = [
            Request("begin isolation level repeatable read"),
            Request("select count(*) from pg_catalog.pg_class"),
        ]
        try:
            self._pin.ask(*requests, *([Request(f"lock table {tables} in access share mode")] if tables else []))
        except psycopg.Error:
            self._pin.abort()
        else:
            self._is_pinned = True

    def _release(self) -> None:
        if self._is_pinned:
            self._pin.ask(Request("rollback"))
            self._is_pinned = False

    def _keep(self, locks: dict[int, _Held]) -> None:
        for oid, held in locks.items():
            known = self._seen.get(oid)
            if known is None or rank(held.mode) > rank(known.mode):
                self._seen[oid] = held

    def _watched_alone(self, script: Script, number: int) -> StatementFacts:
        statement = script.statements[number - 1]
        for oid, mode, relation in self._known(statement):
            self._keep({oid: _Held(relation, mode, None)})
        elapsed = (time.monotonic() - self._since) * 1000
        storage = self._storage()
        rebuilds = _reindexed(statement) is not None and statement.kind.runs_in_transaction
        touches = tuple(
            RelationEffect(
                held.relation, held.mode, rewritten=_is_rewritten(held, storage) or (rebuilds and _is_index(held))
            )
            for held in sorted(self._seen.values(), key=lambda held: held.relation.name if held.relation else "")
            if held.relation is not None
        )
        return StatementFacts(number, touches, elapsed, is_alone=True)

    def _storage(self) -> dict[int, str | None]:
        """Return the storage that the relations which were seen have now."""
        oids = " ".join(map(str, self._seen))
        return {int(oid or 0): storage for oid, storage in self.observer.ask(Request(STORAGE, (oids,)))[0]}

    def _known(self, statement: Statement) -> Iterator[tuple[int, str, Relation]]:
        """Return the locks of statements whose phases may be too short to be seen."""
        if again := _reindexed(statement):
            yield from self._known_of_reindex(again["name"], is_blocking=statement.kind.runs_in_transaction)
            return
        effect = statement.kind.catalog_effect
        if effect is None or effect.action not in _KNOWN or effect.table is None:
            return
        if relation := self._relation(effect.table):
            yield relation.oid, _KNOWN[effect.action], relation
        if effect.action == "detach partition" and (partition := self._relation(effect.name)):
            yield partition.oid, MODES[-1], partition

    def _known_of_reindex(self, name: str, *, is_blocking: bool) -> Iterator[tuple[int, str, Relation]]:
        """Return the locks of REINDEX on a table or an index and on all partitions, each in a transaction of its own.

        Writes of a table wait, and what uses the index; with CONCURRENTLY neither reads nor writes do:
        https://www.postgresql.org/docs/current/sql-reindex.html
        """
        for oid, kind, table, parent, shown in self.session.ask(Request(REINDEXED, (name,)))[0]:
            mode = MODES[-1] if kind == "i" else "SHARE" if is_blocking else "SHARE UPDATE EXCLUSIVE"
            if oid in self._base and kind in ("r", "p", "m", "i") and (is_blocking or kind != "i"):
                yield int(oid or 0), mode, Relation(int(oid or 0), shown or "", _KINDS[kind or ""], table, parent)

    def _relation(self, name: str) -> Relation | None:
        query = f"""\
select c.oid::text, c.relkind::text,
{RELATION}
  from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace
 where c.oid = pg_catalog.to_regclass($1::text)"""
        rows = self.session.ask(Request(query, (name,)))[0]  # which has the search_path of the file
        if not rows or rows[0][0] not in self._base:
            return None
        return Relation(int(rows[0][0] or 0), rows[0][2] or "", _KINDS[rows[0][1] or "r"])


def _may_commit(statement: Statement) -> bool:
    """Return whether a block or procedure may end transactions, so that it cannot be measured in one."""
    return statement.kind.verb.startswith(("DO", "CALL")) and bool(_COMMITS.search(statement.text))


def _may_lock(statement: Statement) -> bool:
    """Return whether a statement without a transaction may take a lock for too short a time to be seen."""
    verb = statement.kind.verb
    return verb.startswith(_LOCKING) or (verb.startswith("DO") and bool(_DDL.search(statement.text)))


def _reindexed(statement: Statement) -> re.Match[str] | None:
    return _REINDEXES.match(blanked(statement.text, "comment"))


def _is_index(held: _Held) -> bool:
    return held.relation is not None and held.relation.kind == "index" and held.mode == MODES[-1]


def _is_rewritten(held: _Held, storage: Mapping[int, str | None]) -> bool:
    """Return whether a table was rewritten while readers and writers waited."""
    if held.relation is None or held.relation.kind not in ("table", "materialized view") or held.storage is None:
        return False
    return held.mode == MODES[-1] and storage.get(held.relation.oid) not in (None, held.storage)


def _counters(row: Sequence[str | None]) -> _Counters:
    _, storage, _, table, name, scanned, inserted, updated, deleted, _, by_index, scans = row
    return _Counters(
        storage or "",
        int(table) if table else None,
        name or "",
        int(scanned or 0),
        int(scans or 0),
        int(by_index or 0),
        int(inserted or 0),
        int(updated or 0),
        int(deleted or 0),
    )


def _touches(locks: dict[int, _Held], progress: _Progress, counters: dict[int, _Counters]) -> Iterator[RelationEffect]:
    """Return what a statement did: locks and counters compared with those before it."""
    for oid, held in sorted(locks.items(), key=lambda item: item[1].relation.name if item[1].relation else ""):
        if held.relation is None:
            continue
        before = progress.held.get(oid)
        now, past = counters.get(oid, _NOTHING), progress.counters.get(oid, _NOTHING)
        storage = past.storage or held.storage
        if now.scanned < past.scanned or now.written < past.written:  # the counters were flushed meanwhile
            past = _NOTHING
        touch = RelationEffect(
            held.relation,
            held.mode,
            before.mode if before else "",
            rewritten=bool(now.storage) and now.storage != storage and held.relation.kind != "sequence",
            scanned=0 if held.relation.kind == "index" else _scanned(now, past, progress.emptied.get(oid, 0)),
            inserted=max(now.inserted - past.inserted, 0),
            updated=max(now.updated - past.updated, 0),
            deleted=max(now.deleted - past.deleted, 0),
            built=tuple(_built(oid, locks, progress, counters)),
        )
        if touch.is_taken or touch.is_work or touch.written:
            yield touch


def _scanned(now: _Counters, past: _Counters, emptied: int) -> int:
    """Return how many rows were read: by sequential scans, and by an index if they are more than a few.

    A scan of a table that was emptied counts as one of the rows that it had.
    """
    by_index = max(now.by_index - past.by_index, 0)
    read = max(now.scanned - past.scanned, 0) + (by_index if by_index >= _MANY_ROWS else 0)
    return read or (emptied if now.scans > past.scans else 0)


def _built(oid: int, locks: dict[int, _Held], progress: _Progress, counters: dict[int, _Counters]) -> Iterator[str]:
    """Return the names of the indexes that the statement built on a table.

    A change of a column's type may create an index again with the storage of the old one: that one was not built.
    """
    kept = {each.storage for each in locks.values()} | {each.storage for each in progress.counters.values()}
    kept.discard(_NO_STORAGE)
    for other, found in counters.items():
        is_new = found.table == oid and locks[other].is_unseen and other not in progress.counters
        if is_new and found.storage not in kept:
            yield found.name


def history_tables(session: Session, history: History) -> tuple[str, ...]:
    """Return the qualified names of our tables, quoted as the catalog writes them."""
    return tuple(name or "" for name in session.ask(names_in_catalog(history))[0][0])


@contextmanager
def watching(owner_url: str, admin_url: str, table: str, limit: float = 30.0) -> Iterator[Watch]:
    """Provide a watch while the block lasts."""
    with closing(Watch(owner_url, admin_url, table, limit)) as watch:
        yield watch
