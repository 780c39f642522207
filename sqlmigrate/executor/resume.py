"""Finds out where an interrupted file without a transaction continues: by the catalog, not by the counter alone.

A process may be killed between a statement and the row that records it. A statement that can run in a transaction is
committed together with its record. For the others the history keeps a mark in the column `unfinished`: how their object
was found before. Afterwards the catalog tells whether the statement took effect, or left an object half made: an
invalid index, a partition whose detaching is pending
(https://www.postgresql.org/docs/current/sql-createindex.html#SQL-CREATEINDEX-CONCURRENTLY).

A mark is the number of the statement and a word:
    `none`, `valid`, `invalid`, `pending`: how its object was found before.
    `commits`: it commits itself.
    `alone`: the server has refused it in a transaction, and the catalog does not show whether it took effect.
    `before`, with numbers: the indexes that were there before, where PostgreSQL chooses the name of the new one.
    `left`, with numbers: the indexes that it has left behind.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal, NamedTuple

from sqlmigrate.database.session import Request, Session
from sqlmigrate.errors import NOTHING_EXECUTED_BY_THIS_RUN, HistoryError
from sqlmigrate.files.compare import is_same_statement
from sqlmigrate.files.on_disk import whole
from sqlmigrate.history import write
from sqlmigrate.history.state import Undoing
from sqlmigrate.history.table import History
from sqlmigrate.parsing.classify import CatalogEffect
from sqlmigrate.parsing.statement import Statement
from sqlmigrate.plan.plan import Step

from . import unnamed_indexes

Condition = Literal["none", "valid", "invalid", "pending"]  # of an object in the catalog


def beginning(history: History, step: Step) -> Request:
    """Give the request that notes that a step is running."""
    count = len(step.script.statements)
    if step.direction == "down":
        is_again = step.execution is not None and step.execution.is_half_undone
        undoing = Undoing(step.done_before, count, step.mark)
        text = whole(step.script.source).text
        return write.begin_down_alone(history, step.version, text, undoing, again=is_again)
    if not step.done_before and not step.mark:
        return write.begin_up(history, step.migration, count, keeps_statements=True)
    return write.resume_up(history, step.migration, count)


_LAST_PART = "(pg_catalog.parse_ident($1))[pg_catalog.array_upper(pg_catalog.parse_ident($1), 1)]"
_INDEX_ON_TABLE = f"""\
select case when i.indisvalid then 'valid' else 'invalid' end, i.indexrelid::pg_catalog.regclass::text
  from pg_catalog.pg_index i join pg_catalog.pg_class c on c.oid = i.indexrelid
 where i.indrelid = pg_catalog.to_regclass($2) and c.relname = {_LAST_PART}"""
_INDEX = """\
select case when i.indisvalid then 'valid' else 'invalid' end, i.indexrelid::pg_catalog.regclass::text
  from pg_catalog.pg_index i where i.indexrelid = pg_catalog.to_regclass($1) and $2::text is null"""
# The column exists since PostgreSQL 14; before that, no partition is detached in two steps.
_PARTITION = """\
select case when (pg_catalog.to_jsonb(h) ->> 'inhdetachpending')::bool then 'pending' else 'valid' end,
       h.inhrelid::pg_catalog.regclass::text
  from pg_catalog.pg_inherits h
 where h.inhrelid = pg_catalog.to_regclass($1) and h.inhparent = pg_catalog.to_regclass($2)"""
_DATABASE = (
    f"select 'valid', datname::text from pg_catalog.pg_database where datname = {_LAST_PART} and $2::text is null"
)
_TABLESPACE = (
    f"select 'valid', spcname::text from pg_catalog.pg_tablespace where spcname = {_LAST_PART} and $2::text is null"
)
_SUBSCRIPTION = f"""\
select 'valid', s.subname::text
  from pg_catalog.pg_subscription s join pg_catalog.pg_database d on d.oid = s.subdbid
 where s.subname = {_LAST_PART} and d.datname = pg_catalog.current_database() and $2::text is null"""
_QUERIES = {
    "create index": _INDEX_ON_TABLE,
    "drop index": _INDEX,
    "detach partition": _PARTITION,
    "create database": _DATABASE,
    "drop database": _DATABASE,
    "create subscription": _SUBSCRIPTION,
    "drop subscription": _SUBSCRIPTION,
    "create tablespace": _TABLESPACE,
    "drop tablespace": _TABLESPACE,
}
_CREATING = ("create index", "create database", "create subscription", "create tablespace")
_REPEATABLE = ("REINDEX", "CLUSTER")  # of a partitioned table: each partition on its own, as often as one likes


@dataclass(frozen=True)
class CatalogState:
    """How the object of a statement is found in the catalog.

    Attributes:
        found: `none`: it does not exist. `invalid`: an index that no query uses. `pending`: a partition that is being
            detached. `valid`: anything else.
        name: Its name, as it is written in SQL.
    """

    found: Condition
    name: str


def trace(session: Session, effect: CatalogEffect) -> CatalogState:
    """Look for the object of a statement that cannot run in a transaction."""
    (rows,) = session.ask(Request(_QUERIES[effect.action], (effect.name, effect.table)))
    found, name = rows[0] if rows else ("none", effect.name)
    return CatalogState(_FOUND.get(found or "", "none"), name or effect.name)


_FOUND: dict[str, Condition] = {"valid": "valid", "invalid": "invalid", "pending": "pending"}


class Mark(NamedTuple):
    """What the history keeps of a statement that is being executed.

    Attributes:
        number: The number of the statement.
        word: How it was found, see above.
        oids: The numbers of indexes.
    """

    number: int
    word: str
    oids: frozenset[int] = frozenset()

    def __str__(self) -> str:
        return f"{self.number} {self.word}" + ("" if not self.oids else " " + ",".join(map(str, sorted(self.oids))))


def read_mark(text: str | None) -> Mark | None:
    """Read what the history has kept."""
    if not text:
        return None
    number, word, *oids = text.split()
    return Mark(int(number), word, frozenset(int(each) for part in oids for each in part.split(",")))


def mark(session: Session, number: int, statement: Statement) -> Mark | None:
    """Look how the object of statement `number` is found before it is executed; None if the catalog cannot tell."""
    effect = statement.kind.catalog_effect
    if effect is None:
        return None
    if effect.chooses_names:
        return Mark(number, "before", frozenset(each.oid for each in unnamed_indexes.look(session, effect)))
    return Mark(number, trace(session, effect).found)


def mark_of_refused(session: Session, number: int, statement: Statement) -> Mark | None:
    """Give what the history keeps while statement `number`, refused in a transaction, is executed without one."""
    if statement.kind.verb in _REPEATABLE:
        return None
    return mark(session, number, statement) or Mark(number, "alone")


def mark_of_commits(number: int) -> Mark:
    """Give what the history keeps while statement `number`, a procedure that commits, is being executed."""
    return Mark(number, "commits")


@dataclass(frozen=True)
class Continuation:
    """How to continue at a statement that was being executed when an earlier run ended.

    Attributes:
        is_done: Whether it took effect, so that it is not sent again.
        first: What is sent before it.
        instead: What is sent in its place.
        said: What the user is told.
        is_half_done: Whether it has changed something that only the same statement can finish.
    """

    is_done: bool = False
    first: tuple[str, ...] = ()
    instead: str | None = None
    said: str = ""
    is_half_done: bool = False


def continuation(session: Session, step: Step, number: int) -> Continuation:
    """Find out how to continue at statement `number`: whether it took effect, and what has to be cleaned up.

    An object that existed before the statement began is never touched.
    """
    kept = read_mark(step.mark)
    if kept is None or kept.number != number or is_changed(step):
        return Continuation()
    return _continuation(session, step.script.statements[number - 1], kept)


def is_changed(step: Step) -> bool:
    """Tell whether the statement in which an earlier run was stopped is another one now, or in a transaction."""
    kept, statements = read_mark(step.mark), step.script.statements
    if kept is None or len(step.begun) < kept.number:
        return False
    if step.script.mode == "transaction" or len(statements) < kept.number:
        return True
    return not is_same_statement(step.begun[kept.number - 1], statements[kept.number - 1])


def cleaning_up(session: Session, step: Step) -> Continuation:
    """Find out what the statement has left in which an earlier run was stopped, and which is another one now.

    Raises:
        HistoryError: It took effect, or only the same statement can finish what it has begun.
    """
    kept = read_mark(step.mark)
    if kept is None:
        return Continuation()
    found = _continuation(session, step.begun[kept.number - 1], kept)
    if found.is_done or found.is_half_done or found.instead:
        raise _cannot_clean_up(step, kept.number, found.said)
    return found


def _cannot_clean_up(step: Step, number: int, said: str) -> HistoryError:
    statements = step.script.statements
    by_hand = "undo by hand what it has done, and let the history forget the migration"
    if step.direction == "down":
        by_hand = "bring back by hand what it has done, and let the history count the migration as executed"
    return HistoryError(
        f"{step.label}: an earlier run was stopped in statement {number}, and its text has changed since",
        statements[number - 1].span if number <= len(statements) else step.script.source.span(0, 0),
        detail=[said, f"it was: {' '.join(step.begun[number - 1].text.split())}"],
        state=NOTHING_EXECUTED_BY_THIS_RUN,
        hint=f"put the text of that statement back, without a transaction as before; or {by_hand}",
        next_steps=[f"sqlmigrate repair {step.version}"],
    )


def _continuation(session: Session, statement: Statement, kept: Mark) -> Continuation:
    if kept.word == "commits":
        said = f"statement {kept.number} commits itself and was not finished: the whole statement is executed again"
        return Continuation(said=said, is_half_done=True)
    if kept.word == "alone":
        said = f"it is not known whether statement {kept.number} of the last run took effect: it is executed again"
        return Continuation(said=said, is_half_done=True)
    effect = statement.kind.catalog_effect
    if effect is None:
        return Continuation()
    if effect.chooses_names:
        return _of_indexes(_found_indexes(session, statement, effect, kept))
    return _of_object(effect, kept.word, trace(session, effect))


def _found_indexes(session: Session, statement: Statement, effect: CatalogEffect, kept: Mark) -> unnamed_indexes.Found:
    if kept.word == "left":
        return unnamed_indexes.left_again(session, effect, kept.oids)
    found = unnamed_indexes.compare(session, statement, effect, kept.oids)
    if found.unknown:
        names = ", ".join(each.name for each in found.unknown)
        raise HistoryError(
            f"it is not known whether the last run has built {names}: statement {kept.number} began before",
            statement.span,
            state=NOTHING_EXECUTED_BY_THIS_RUN,
            hint="drop it if the last run has built it; give it another name if not",
        )
    return found


def _of_indexes(found: unnamed_indexes.Found) -> Continuation:
    first = tuple(_drop(each.name) for each in found.left)
    if found.built:
        return Continuation(is_done=True, first=first, said=f"the last run had created {found.built.name} already")
    if not found.left:
        return Continuation()
    names = names_of(each.name for each in found.left)
    return Continuation(first=first, said=f"the last run left {names} invalid: {_it_is(found)} dropped")


def _drop(name: str) -> str:
    """Give the statement that drops an invalid index; on Citus, some shards may never have got it."""
    return f"drop index concurrently if exists {name}"


def _it_is(found: unnamed_indexes.Found) -> str:
    return "it is" if len(found.left) == 1 else "they are"


def names_of(names: Iterable[str]) -> str:
    """Name indexes in a sentence."""
    listed = list(names)
    return f"the index {listed[0]}" if len(listed) == 1 else f"the indexes {', '.join(listed)}"


def _of_object(effect: CatalogEffect, before: str, now: CatalogState) -> Continuation:
    if effect.action in _CREATING:
        if before == "none" and now.found == "valid":
            return Continuation(is_done=True, said=f"the last run had created {now.name} already")
        if before == "none" and now.found == "invalid":
            return Continuation(
                first=(_drop(now.name),),
                said=f"the last run left the index {now.name} invalid: it is dropped and built again",
            )
    elif before != "none" and now.found == "none":
        return Continuation(is_done=True, said=f"the last run had {_DID[effect.action]} {effect.name} already")
    elif effect.action == "detach partition" and now.found == "pending":
        instead = f"alter table {effect.table} detach partition {effect.name} finalize"
        return Continuation(instead=instead, said=f"the last run began to detach {effect.name}: this is finished now")
    elif effect.action == "drop index" and before == "valid" and now.found == "invalid":
        said = f"the last run began to drop the index {now.name}: this is finished now"
        return Continuation(said=said, is_half_done=True)
    return Continuation()


_DID = {
    "drop index": "dropped",
    "drop database": "dropped",
    "drop subscription": "dropped",
    "drop tablespace": "dropped",
    "detach partition": "detached",
}


@dataclass(frozen=True)
class Left:
    """What a statement that failed has left behind.

    Attributes:
        said: What the user is told.
        mark: What the history keeps of it.
    """

    said: str
    mark: Mark


def left(session: Session, statement: Statement, before: Mark, direction: str) -> Left | None:
    """Look what a statement has left behind that has just failed; `before` is how its object was found before it."""
    effect = statement.kind.catalog_effect
    if effect is None:
        return None
    if effect.chooses_names:
        found = unnamed_indexes.compare(session, statement, effect, before.oids)
        return _left_indexes(found, before.number, f"the next {direction}")
    now = trace(session, effect)
    said = _LEFT.get((effect.action, before.word, now.found))
    return Left(said.format(name=now.name, next_run=f"the next {direction}"), before) if said else None


# What is said by what the statement does, and how its object was found before and after.
_LEFT = {
    ("create index", "none", "invalid"): (
        "the index {name} is left behind, marked invalid: {next_run} drops it and builds it again"
    ),
    ("drop index", "valid", "invalid"): "the index {name} is marked invalid, no query uses it: {next_run} drops it",
    ("detach partition", "valid", "pending"): "the partition {name} is half detached: {next_run} finishes it",
}


def _left_indexes(found: unnamed_indexes.Found, number: int, next_run: str) -> Left | None:
    unknown = () if found.is_contested else found.unknown
    ours = found.left or tuple(each for each in unknown if not each.is_valid)
    if not ours:
        return None
    is_one = len(ours) == 1
    said = f"{names_of(each.name for each in ours)} {'is' if is_one else 'are'} left behind, marked invalid"
    drops = f"{next_run} drops {'it' if is_one else 'them'} and executes the statement again"
    return Left(f"{said}: {drops}", Mark(number, "left", frozenset(each.oid for each in ours)))
