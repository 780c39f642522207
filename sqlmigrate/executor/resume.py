"""Finds out where an interrupted file without a transaction continues: by the catalog, not by the counter alone.

A process may be killed between a statement and the row that records it. A statement that can run in a transaction is
committed together with its record. For the others the history keeps in the column `unfinished` how their object was
found before. Afterwards the catalog tells whether the statement took effect, or left an object half made: an invalid
index, a partition whose detaching is pending
(https://www.postgresql.org/docs/current/sql-createindex.html#SQL-CREATEINDEX-CONCURRENTLY).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from sqlmigrate.database.session import Request, Session
from sqlmigrate.errors import NOTHING_EXECUTED_BY_THIS_RUN, HistoryError
from sqlmigrate.history import read, write
from sqlmigrate.history.table import History
from sqlmigrate.parsing.classify import CatalogEffect
from sqlmigrate.parsing.statement import Statement
from sqlmigrate.plan import up
from sqlmigrate.plan.plan import Step

Condition = Literal["none", "valid", "invalid", "pending"]  # of an object in the catalog


def start(session: Session, history: History, step: Step) -> tuple[int, tuple[Request, ...]]:
    """Give how many statements of the step are done already, and the requests that note that it is running.

    Raises:
        HistoryError: One of those statements has another text now.
    """
    if step.direction == "down":
        return 0, ()
    count = len(step.script.statements)
    if not step.done_before and not (step.execution and step.execution.unfinished):
        return 0, (write.begin_up(history, step.migration, count),)
    _require_same_beginning(session, history, step)
    return step.done_before, (write.resume_up(history, step.migration, count),)


def _require_same_beginning(session: Session, table: History, step: Step) -> None:
    recorded, _ = read.texts(session, table, [step.version]).get(step.version, (None, None))
    before = up.read_recorded(step.label, recorded or "")
    statements = step.script.statements
    for number in range(1, step.done_before + 1):
        now = statements[number - 1] if number <= len(statements) else None
        if now is None or number > len(before) or before[number - 1].text != now.text:
            raise HistoryError(
                f"{step.label}: statement {number} was executed already, and its text has changed since",
                now.span if now else step.script.source.span(0, 0),
                detail=[f"{step.done_before} of its statements are executed; it continues only if they are unchanged"],
                state=NOTHING_EXECUTED_BY_THIS_RUN,
                hint="put the text of that statement back; the statements after the failed one may be changed",
            )


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
_QUERIES = {
    "create index": _INDEX_ON_TABLE,
    "drop index": _INDEX,
    "detach partition": _PARTITION,
    "create database": _DATABASE,
    "drop database": _DATABASE,
}


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


def trace(session: Session, statement: Statement) -> CatalogState | None:
    """Look for the object of a statement that cannot run in a transaction; None if the catalog cannot tell."""
    effect = statement.kind.catalog_effect
    if effect is None:
        return None
    (rows,) = session.ask(Request(_QUERIES[effect.action], (effect.name, effect.table)))
    found, name = rows[0] if rows else ("none", effect.name)
    return CatalogState(_FOUND.get(found or "", "none"), name or effect.name)


_FOUND: dict[str, Condition] = {"valid": "valid", "invalid": "invalid", "pending": "pending"}


def mark(number: int, traced: CatalogState | None) -> str | None:
    """Give what the history keeps while statement `number` is being executed."""
    return f"{number} {traced.found}" if traced else None


def mark_of_commits(number: int) -> str:
    """Give what the history keeps while statement `number`, a procedure that commits, is being executed."""
    return f"{number} commits"


@dataclass(frozen=True)
class Continuation:
    """How to continue at a statement that was being executed when an earlier run ended.

    Attributes:
        is_done: Whether it took effect, so that it is not sent again.
        first: What is sent before it.
        instead: What is sent in its place.
        said: What the user is told.
    """

    is_done: bool = False
    first: str | None = None
    instead: str | None = None
    said: str = ""


def continuation(session: Session, step: Step, number: int) -> Continuation:
    """Find out how to continue at statement `number`: whether it took effect, and what has to be cleaned up.

    An object that existed before the statement began is never touched.
    """
    unfinished = step.execution.unfinished if step.execution and step.direction == "up" else None
    statement = step.script.statements[number - 1]
    if unfinished == mark_of_commits(number):
        return Continuation(
            said=f"statement {number} commits itself and was not finished: the whole statement is executed again"
        )
    effect, now = statement.kind.catalog_effect, trace(session, statement)
    if unfinished is None or effect is None or now is None or unfinished.split()[0] != str(number):
        return Continuation()
    return _continuation(effect, unfinished.split()[1], now)


def _continuation(effect: CatalogEffect, before: str, now: CatalogState) -> Continuation:
    if effect.action in ("create index", "create database"):
        if before == "none" and now.found == "valid":
            return Continuation(is_done=True, said=f"the last run had created {now.name} already")
        if before == "none" and now.found == "invalid":
            drop = f"drop index concurrently {now.name}"
            return Continuation(
                first=drop, said=f"the last run left the index {now.name} invalid: it is dropped and built again"
            )
    elif before != "none" and now.found == "none":
        return Continuation(is_done=True, said=f"the last run had {_DID[effect.action]} {effect.name} already")
    elif effect.action == "detach partition" and now.found == "pending":
        instead = f"alter table {effect.table} detach partition {effect.name} finalize"
        return Continuation(instead=instead, said=f"the last run began to detach {effect.name}: this is finished now")
    return Continuation()


_DID = {"drop index": "dropped", "drop database": "dropped", "detach partition": "detached"}
