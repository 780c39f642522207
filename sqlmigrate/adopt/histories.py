"""Finds the histories of other tools in a database, and reads them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime

import psycopg

from sqlmigrate.database.session import BEGIN_READ_ONLY, COMMIT, ON_PRIMARY, Request, Session
from sqlmigrate.errors import NOTHING_CHANGED, ServerError
from sqlmigrate.history.state import State
from sqlmigrate.history.surroundings import OtherHistory, look
from sqlmigrate.identifiers import quoted

from .foreign import ForeignHistory, Place, Record, RecordState
from .tools.all_tools import tool_named
from .tools.tool import RECORD, Tool

_COLUMNS = """\
select a.attname::text from pg_catalog.pg_attribute a
 where a.attrelid = (select c.oid from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace
                      where n.nspname = $1 and c.relname = $2)
   and a.attnum > 0 and not a.attisdropped"""
_TABLES = """\
select c.relname::text from pg_catalog.pg_class c
 where c.relnamespace = (select n.oid from pg_catalog.pg_namespace n where n.nspname = $1)
   and c.relkind in ('r', 'p')"""
_STATES: dict[str, RecordState] = {
    "executed": "executed", "baseline": "baseline", "failed": "failed", "running": "running",
}  # fmt: skip


def find_histories(session: Session, state: State) -> tuple[OtherHistory, ...]:
    """Find the histories of other tools that are not empty, told by their columns; writes nothing.

    Those that services keep for themselves come last.
    """
    found = look(session, state.history).histories
    return tuple(sorted((each for each in found if each.tool != "sqlmigrate"), key=lambda each: each.is_of_a_service))


def place_of(session: Session, state: State, history: OtherHistory) -> Place:
    """Look up the columns of a history, and the tables in its schema."""
    columns, tables = Request(_COLUMNS, (history.schema, history.name)), Request(_TABLES, (history.schema,))
    _, of_history, of_schema, _ = session.ask(BEGIN_READ_ONLY, columns, tables, COMMIT)
    names = (frozenset(name or "" for (name,) in rows) for rows in (of_history, of_schema))
    return Place(history.schema, history.name, next(names), state.server.database, next(names))


def read_history(session: Session, state: State, history: OtherHistory, project: str = "") -> ForeignHistory | None:
    """Read the rows of a history in two round trips; None if its tool cannot be taken over.

    `project` is the one whose rows are read, where one history has several. Raises `ServerError` if this role may not
    read it.
    """
    tool = tool_named(history.tool)
    if tool is None:
        return None
    place = replace(place_of(session, state, history), project=project)
    try:
        others = Request(tool.others(place) or "select where false")
        _, rows, said, _ = session.ask(BEGIN_READ_ONLY, Request(ON_PRIMARY + tool.query(place)), others, COMMIT)
    except psycopg.errors.InsufficientPrivilege:
        session.abort()
        raise _unreadable(history, state.server.user) from None
    sentences = tuple(sentence or "" for (sentence,) in said)
    return ForeignHistory(tool.name, place, history.table, records_of(rows), tool.is_one_row, sentences)


def _unreadable(history: OtherHistory, user: str) -> ServerError:
    schema, table = quoted(history.schema), quoted(history.schema, history.name)
    return ServerError(
        f"the role {user} may not read {history.table}, the history of {history.tool}",
        state=NOTHING_CHANGED,
        hint="without it, everything that is executed would look pending; its owner grants the right with:",
        next_steps=[
            f"psql: grant usage on schema {schema} to {quoted(user)};",
            f"psql: grant select on {table} to {quoted(user)};",
        ],
    )


def again(tool: Tool, place: Place) -> Request:
    """Give the request that reads the rows again, in the transaction that is open."""
    return Request(tool.query(place))


def records_of(rows: Sequence[Sequence[str | None]]) -> tuple[Record, ...]:
    """Make records of the rows of a tool's query."""
    return tuple(_record(dict(zip(RECORD, row, strict=True))) for row in rows)


def _record(row: dict[str, str | None]) -> Record:
    when, spent, statements = row["executed_at"], row["duration_ms"], row["statements"]
    return Record(
        row["key"] or "",
        _STATES[row["state"] or ""],
        row["name"] or "",
        datetime.fromisoformat(when).replace(tzinfo=UTC) if when else None,
        round(float(spent)) if spent else None,
        row["executed_by"],
        row["checksum"],
        tuple(json.loads(statements)) if statements else None,
    )
