"""`repair` and `baseline`: change the history, without executing a migration."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace

from sqlmigrate.database import server
from sqlmigrate.database.session import COMMIT, Request, Session, connect
from sqlmigrate.errors import NOTHING_CHANGED, ConfigError, HistoryError, Kind, gather
from sqlmigrate.files.migration import Migration, archive_of
from sqlmigrate.history import read, rights, surroundings, write
from sqlmigrate.history.state import State
from sqlmigrate.history.table import DEFAULT_TABLE, History, make_ready, prepare, ready
from sqlmigrate.history.texts import NOTHING
from sqlmigrate.plan.checks import folder_before_squash
from sqlmigrate.plan.created import created_tables, readable_scripts
from sqlmigrate.plan.half_done import half_done_rows, said_of_rows
from sqlmigrate.plan.plan import DEFAULT_DRIFT, DEFAULT_LIMITS, DriftPolicy
from sqlmigrate.plan.rows import Row, make_rows, renumbered_label
from sqlmigrate.plan.squashed import find_named, view_up_to

from .locked import under_lock
from .status import status

_SHOWN = 5  # missing tables that a question names


def repairable(
    url: str, migrations: Sequence[Migration], version: str, *, table: str = DEFAULT_TABLE, schema: str | None = None
) -> tuple[Row, str]:
    """Return the row that `repair` would change for `version`, and a question that says what would be done.

    Raises `ConfigError` for an unknown version and for one that needs no repair, `HistoryError` for a file that must
    not be accepted, because another migration was executed with its number.
    """
    plan = status(url, migrations, table=table, schema=schema).plan
    rows = plan.rows
    row = find_named(migrations, plan.opened, rows, version)
    if row.is_another_migration:
        with connect(url, schema) as session:
            _require_newer_folder(session, read.read(session, table), [row])
    for opened in plan.opened:
        if opened.error and opened.covers(row.number):
            raise opened.error.with_(state=NOTHING_CHANGED)
    if row.is_half_undone:
        return row, f"Count {row.label} as executed, because what its down has undone was brought back by hand?"
    if row.state == "changed" and row.migration and row.execution and renumbered_label(rows, row):
        raise HistoryError(
            f"{row.label} was not executed: {row.execution.label} was, with this number, and has another number now",
            row.migration.up.span(0, 0),
            detail=["if it were accepted, the history would say that it is executed"],
            state=NOTHING_CHANGED,
            hint=f"give it its own number; or undo {row.execution.label} first: "
            "`down` uses the down text recorded in the history",
        )
    if row.state == "changed":
        return row, f"Accept the current file of {row.label} in place of the executed one, without executing it?"
    if row.state in ("failed", "missing", "baseline"):
        stays = "".join(f"; {said}, and that stays" for said in said_of_rows([row]))
        forget = f"Let the history forget {_begun_as(row)} ({row.state})"
        again = "; if its file comes back, the next up executes it again" if row.state == "missing" else ""
        return row, f"{forget}, without changing the database itself{stays}{again}?"
    raise ConfigError(f"{row.label} is {row.state} and needs no repair", state=NOTHING_CHANGED)


def repair(  # noqa: PLR0913 - as `up`
    url: str,
    row: Row,
    *,
    table: str = DEFAULT_TABLE,
    schema: str | None = None,
    lock_wait: float = DEFAULT_LIMITS.lock_wait,
    drift: DriftPolicy = DEFAULT_DRIFT,
) -> tuple[State, str]:
    """Do what `repairable` asked, under the lock of a run; return the database, and say in a sentence what was done.

    It changes one row of the history and adds one to the log. The last snapshot of the schema is kept: it belongs to
    the changed history. What was brought back by hand gets a new one. Raises `HistoryError` if the row has changed
    since `repairable` read it, `LockError` if another run holds the lock for more than `lock_wait` seconds.
    """
    if row.execution is None:
        raise AssertionError("what can be repaired has an execution")
    version = row.execution.version
    with under_lock(url, table, lock_wait, schema) as (session, state):
        rights.require_writable(state)
        if row.execution not in state.executions:
            message = f"{row.label} changed since you were asked: another run has executed or repaired it"
            raise HistoryError(message, state=NOTHING_CHANGED, next_steps=["sqlmigrate status"])
        history = make_ready(session, state.history, DEFAULT_LIMITS.lock_timeout)
        if row.is_half_undone:
            request = write.count_as_executed(history, version)
            done = f"the history counts {row.label} as executed; nothing was executed"
        elif row.state == "changed" and row.migration:
            request = write.accept(history, row.migration, version)
            done = f"the history now has the current file of {row.label}; nothing was executed"
        else:
            request = write.forget(history, version)
            done = f"the history has forgotten {_begun_as(row)} ({row.state}); the database itself was not changed"
        with _snapshot_kept(session, replace(state, history=history), drift, is_new=row.is_half_undone):
            session.ask(Request("begin"), request, COMMIT)
        return state, done


@contextmanager
def _snapshot_kept(session: Session, state: State, drift: DriftPolicy, *, is_new: bool) -> Iterator[None]:
    """Keep the snapshot of the schema over a change of the history; with `is_new` take another one."""
    if drift.is_off:
        yield
        return
    from . import snapshot  # noqa: PLC0415 - with all that reads a schema

    was = "missing" if is_new else snapshot.standing(session, state)
    yield
    snapshot.keep_with_history(session, replace(state, history=ready(state.history)), was)


def _require_newer_folder(session: Session, state: State, rows: Sequence[Row]) -> None:
    """Raise `HistoryError` if the history has a squashed migration, and the folder only what that has replaced."""
    others = [row for row in rows if row.is_another_migration and row.migration and row.execution]
    if not others:
        return
    recorded = read.texts(session, state.history, [row.execution.version for row in others if row.execution])
    for row in others:
        if row.migration and row.execution:
            executed = recorded.get(row.execution.version, NOTHING)
            if older := folder_before_squash(row.migration, row.execution, executed):
                raise older.with_(state=NOTHING_CHANGED)


def _begun_as(row: Row) -> str:
    """Return the label of what the history forgets: a failed migration may have another number or name now."""
    return row.execution.label if row.state == "failed" and row.execution else row.label


def baseline_doubt(
    url: str, migrations: Sequence[Migration], version: str, *, table: str = DEFAULT_TABLE, schema: str | None = None
) -> str | None:
    """Return which tables that the files up to `version` create are missing; None if none of them is.

    Tables that a file creates in a DO block or a function are not seen. Raises `ConfigError` for an unknown version,
    `MigrationError` for files that cannot be read or whose version is not what it looks like, `ServerError` if the
    history cannot be written.
    """
    with connect(url, schema) as session:
        state = read.read(session, table)
        server.require_writable(state.server)
        rights.require_writable(state)
        pending = _pending_up_to(session, version, migrations, state)
        declared = [row.migration for row in pending if row.migration]
        created = created_tables(readable_scripts(declared))
        found = set(surroundings.tables_of(session, {name for _, name in created})) if created else set()
    found |= {("", name) for place, name in found if schema in (None, place)}
    missing = [".".join(filter(None, each)) for each in created if each not in found]
    if not missing:
        return None
    shown = ", ".join(missing[:_SHOWN]) + (" …" if len(missing) > _SHOWN else "")
    if len(created) == 1:
        return f"the table that these files create is missing here: {shown}"
    if len(missing) == len(created):
        return f"none of the {len(created):,} tables that these files create is here: {shown}"
    are = "are" if len(missing) > 1 else "is"
    return f"{len(missing):,} of the {len(created):,} tables that these files create {are} missing here: {shown}"


def baseline(  # noqa: PLR0913 - as `up`
    url: str,
    migrations: Sequence[Migration],
    version: str,
    *,
    table: str = DEFAULT_TABLE,
    schema: str | None = None,
    lock_wait: float = DEFAULT_LIMITS.lock_wait,
    drift: DriftPolicy = DEFAULT_DRIFT,
) -> tuple[State, list[Row]]:
    """Record every pending migration up to `version` as one that this database already has.

    Returns the database, and the rows of what was recorded.

    Raises `ConfigError` for an unknown version, `MigrationError` for files that cannot be read or whose version is not
    what it looks like, `HistoryError` for a migration of which only a part is executed, `LockError` if another run
    holds the lock for more than `lock_wait` seconds.
    """
    with under_lock(url, table, lock_wait, schema) as (session, state):
        pending = _pending_up_to(session, version, migrations, state)
        declared = list({row.number: row for row in reversed(pending)}.values())[::-1]  # one file of each version
        _refuse_half_done(declared)
        rights.require_writable(state)
        if declared:
            with _snapshot_kept(session, state, drift, is_new=True):
                _record(session, state.history, declared)
        return state, declared


def _pending_up_to(session: Session, version: str, migrations: Sequence[Migration], state: State) -> list[Row]:
    """Return the rows of pending migrations up to `version`, which must be known; their files must have no faults."""
    view = view_up_to(migrations, state.executions, archive_of(migrations), version)
    rows = make_rows(view.migrations, view.executions)
    _require_newer_folder(session, state, rows)
    if view.errors:
        raise gather(view.errors).with_(state=NOTHING_CHANGED)
    limit = find_named(migrations, view.opened, rows, version).number
    pending = [row for row in rows if row.is_pending and row.number <= limit]
    _refuse_faults(pending)
    return pending


def _refuse_half_done(declared: Sequence[Row]) -> None:
    """Raise `HistoryError` if a part of a migration is executed: the rest would never be executed."""
    for row, said in zip(half_done_rows(declared), said_of_rows(declared), strict=True):
        raise HistoryError(
            f"{said}: it cannot be declared to be in the database",
            state=NOTHING_CHANGED,
            hint="execute the rest first; or, if the rest was executed by hand, let the history forget it before",
            next_steps=["sqlmigrate up", f"or: sqlmigrate repair {row.version}"],
        )


def _refuse_faults(pending: Sequence[Row]) -> None:
    """Raise `MigrationError` for files that cannot be read, or whose version is not what it looks like."""
    migrations = [row.migration for row in pending if row.migration]
    faults = [
        fault for each in migrations for fault in each.faults if not each.is_read or fault.kind is Kind.FOREIGN_STAMP
    ]
    if faults:
        raise gather(faults).with_(state=NOTHING_CHANGED)


def _record(session: Session, history: History, declared: Sequence[Row]) -> None:
    """Record rows as a baseline, in one transaction, which also creates the history if it does not exist."""
    creating = () if history.exists else prepare(history)
    history = make_ready(session, history, DEFAULT_LIMITS.lock_timeout) if history.exists else history
    spelling = [write.respell(history, row.execution.version, row.version) for row in declared if row.execution]
    recording = [write.baseline(history, row.migration) for row in declared if row.migration]
    session.ask(Request("begin"), *creating, *spelling, *recording, COMMIT)
