"""What a run leaves in a database: objects, rows of the history and of its log, sessions."""

from __future__ import annotations

import time
from typing import Any

import psycopg
from psycopg import sql

Row = tuple[Any, ...]

_ENDING_SECONDS = 30  # tests interrupt statements of 60 seconds: those would not have ended by themselves

_RELATIONS = """\
select n.nspname || '.' || c.relname from pg_class c join pg_namespace n on n.oid = c.relnamespace
 where n.nspname !~ '^(pg_|information_schema)' order by 1"""
_SESSIONS = """\
select query from pg_stat_activity
 where datname = current_database() and pid <> pg_backend_pid() and backend_type = 'client backend'"""


def ask(url: str, query: str | sql.Composed) -> list[Row]:
    """Ask a database, over a connection of its own."""
    with psycopg.connect(url, autocommit=True) as conn:
        cursor = conn.execute(query)
        return cursor.fetchall() if cursor.description else []


def relations(url: str) -> list[str]:
    """Name the tables, views, indexes and sequences of the database, except those of the history."""
    names = [name for (name,) in ask(url, _RELATIONS)]
    return [name for name in names if not name.startswith("public.migrations")]


def is_untouched(url: str) -> bool:
    """Tell whether the database is empty: it has no history either."""
    return ask(url, _RELATIONS) == []


def history(url: str) -> list[Row]:
    """Return version, status, statements done and error of every row, in the order of versions."""
    return ask(url, "select version, status, statements_done, error from public.migrations order by version")


def log(url: str) -> list[Row]:
    """Return action, version and detail of every row of the log, in the order of writing."""
    return ask(url, "select action, version, detail from public.migrations_log order by id")


def sessions(url: str) -> list[str]:
    """Return the last statement of every other session of the database; wait first for sessions that are ending."""
    deadline = time.monotonic() + _ENDING_SECONDS
    while (found := [query for (query,) in ask(url, _SESSIONS)]) and time.monotonic() < deadline:
        time.sleep(0.02)
    return found
