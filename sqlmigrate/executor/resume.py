"""Where a file without a transaction goes on: by the catalog, not by the counter alone.

A process may be killed between a statement and the row that records it. What can run in a transaction is committed
together with its record. For what cannot, the history keeps how its object was found before (`making`), and
afterwards the catalog tells whether the statement took effect, or left something half made behind: an invalid index,
a partition whose detaching is pending
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

LocatedFinding = Literal["none", "valid", "invalid", "pending"]


def start(session: Session, table: History, step: Step) -> int:
    """Write that the step is running, and give how many of its statements are done already.

    Raises `HistoryError` where one of those has another text by now.
    """
    if step.direction == "down":
        return 0
    count = len(step.script.statements)
    if not step.done_before and not (step.execution and step.execution.making):
        session.ask(write.begin_up(table, step.migration, count))
        return 0
    _require_same_beginning(session, table, step)
    session.ask(write.resume_up(table, step.migration, count))
    return step.done_before


def _require_same_beginning(session: Session, table: History, step: Step) -> None:
    recorded, _ = read.texts(session, table, [step.version]).get(step.version, (None, None))
    before = up.read_recorded(step.label, recorded or "")
    statements = step.script.statements
    for number in range(1, step.done_before + 1):
        now = statements[number - 1] if number <= len(statements) else None
        if now is None or number > len(before) or before[number - 1].text != now.text:
            raise HistoryError(
                f"{step.label}: statement {number} was executed already, and has another text by now",
                now.span if now else step.script.source.span(0, 0),
                detail=[f"{step.done_before} of its statements are executed; it goes on only if those are unchanged"],
                state=NOTHING_EXECUTED_BY_THIS_RUN,
                hint="put the text of that statement back; what is behind the failed statement may be changed",
            )


_LAST_PART = "(pg_catalog.parse_ident($1))[pg_catalog.array_upper(pg_catalog.parse_ident($1), 1)]"
_INDEX_ON_TABLE = f"""\
select case when i.indisvalid then 'valid' else 'invalid' end, i.indexrelid::pg_catalog.regclass::text
  from pg_catalog.pg_index i join pg_catalog.pg_class c on c.oid = i.indexrelid
 where i.indrelid = pg_catalog.to_regclass($2) and c.relname = {_LAST_PART}"""
_INDEX = """\
select case when i.indisvalid then 'valid' else 'invalid' end, i.indexrelid::pg_catalog.regclass::text
  from pg_catalog.pg_index i where i.indexrelid = pg_catalog.to_regclass($1) and $2::text is null"""
# A column of 14; before, no partition is detached in two steps.
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
    """How the object of a statement is found in the catalog; `name` as SQL writes it."""

    found: LocatedFinding
    name: str


def trace(session: Session, statement: Statement) -> CatalogState | None:
    """Look for the object of a statement that runs in no transaction; None where the catalog cannot tell."""
    effect = statement.kind.catalog_effect
    if effect is None:
        return None
    (rows,) = session.ask(Request(_QUERIES[effect.action], (effect.name, effect.table)))
    found, name = rows[0] if rows else ("none", effect.name)
    return CatalogState(_FOUND.get(found or "", "none"), name or effect.name)


_FOUND: dict[str, LocatedFinding] = {"valid": "valid", "invalid": "invalid", "pending": "pending"}


def mark(number: int, traced: CatalogState | None) -> str | None:
    """Give what the history keeps while statement `number` is under way."""
    return f"{number} {traced.found}" if traced else None


def mark_of_commits(number: int) -> str:
    """Give what the history keeps while statement `number`, a procedure that commits, is under way."""
    return f"{number} commits"


@dataclass(frozen=True)
class Continuation:
    """How to go on at a statement that was under way when an earlier run ended.

    `is_done`: it took effect. `first` is sent before it (or `instead` of it), `said` tells the user.
    """

    is_done: bool = False
    first: str | None = None
    instead: str | None = None
    said: str = ""


def way_on(session: Session, step: Step, number: int) -> Continuation:
    """Find out how to go on at statement `number`: whether it took effect, and what is to be cleared away.

    Only what was not there before the statement began is ever touched.
    """
    making = step.execution.making if step.execution and step.direction == "up" else None
    statement = step.script.statements[number - 1]
    if making == mark_of_commits(number):
        return Continuation(said=f"statement {number} commits by itself and was not finished: it is begun anew")
    effect, now = statement.kind.catalog_effect, trace(session, statement)
    if making is None or effect is None or now is None or making.split()[0] != str(number):
        return Continuation()
    return _way(effect, making.split()[1], now)


def _way(effect: CatalogEffect, before: str, now: CatalogState) -> Continuation:
    if effect.action in ("create index", "create database"):
        if before == "none" and now.found == "valid":
            return Continuation(is_done=True, said=f"{now.name} was made already")
        if before == "none" and now.found == "invalid":
            drop = f"drop index concurrently {now.name}"
            return Continuation(
                first=drop, said=f"the invalid index {now.name}, left by the last run, is dropped and built anew"
            )
    elif before != "none" and now.found == "none":
        return Continuation(is_done=True, said=f"{effect.name} is gone already")
    elif effect.action == "detach partition" and now.found == "pending":
        instead = f"alter table {effect.table} detach partition {effect.name} finalize"
        return Continuation(instead=instead, said=f"the detaching of {effect.name}, begun by the last run, is finished")
    return Continuation()
