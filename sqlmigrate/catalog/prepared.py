"""Queries that are prepared at their first use in a session: planning one takes longer than executing it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple
from weakref import WeakKeyDictionary

from sqlmigrate.database.session import Request, Session

_NAMES = Request("select name from pg_catalog.pg_prepared_statements")
_prepared: WeakKeyDictionary[Session, tuple[int, set[str]]] = WeakKeyDictionary()


class Query(NamedTuple):
    """A query that is prepared.

    Attributes:
        name: its name in the session
        sql: the query
        types: the types of its parameters, in brackets; empty for none
        params: the values of its parameters, in brackets; empty for none
    """

    name: str
    sql: str
    types: str = ""
    params: str = ""


def ask(session: Session, queries: Sequence[Query]) -> list[list[list[str | None]]]:
    """Send queries in one turn, and return the rows of each.

    Raises `psycopg.errors.InvalidSqlStatementName` if the session has lost one that was prepared.
    """
    pid, names = _prepared.get(session, (0, set()))
    if pid != session.pid:
        names = set()
        _prepared[session] = session.pid, names
    new = [each for each in queries if each.name not in names]
    prepares = [Request(f"prepare {each.name}{each.types} as {each.sql}", quiet=True) for each in new]
    executes = [Request(f"execute {each.name}{each.params}", quiet=True) for each in queries]
    answers = session.ask(*prepares, *executes) if queries else []
    names.update(each.name for each in queries)
    return answers[len(prepares) :]


def look_again(session: Session) -> None:
    """Ask the session which queries it has: a file may have deallocated ours."""
    _prepared[session] = session.pid, {name or "" for (name,) in session.ask(_NAMES)[0]}
