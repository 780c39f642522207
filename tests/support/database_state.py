"""What a run has left in a database: objects, rows of the history and of its log, sessions."""

from __future__ import annotations

import time
from typing import Any

import psycopg
from psycopg import sql

Row = tuple[Any, ...]

_ENDING_SECONDS = 30  # long before the statements that tests interrupt, which sleep for 60, would end by themselves

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
    """Name everything in the database that has a name as a table has, the history's own left out."""
    names = [name for (name,) in ask(url, _RELATIONS)]
    return [name for name in names if not name.startswith("public.migrations")]


def is_untouched(url: str) -> bool:
    """Say whether there is nothing in the database, not even a history."""
    return ask(url, _RELATIONS) == []


def history(url: str) -> list[Row]:
    """Give version, status, statements done and error of every row."""
    return ask(url, "select version, status, statements_done, error from public.migrations order by version")


def log(url: str) -> list[Row]:
    """Give action, version and detail of every row of the log, in their order."""
    return ask(url, "select action, version, detail from public.migrations_log order by id")


def sessions(url: str) -> list[str]:
    """Give what other sessions of the database execute, or have executed last; those that are ending are waited for."""
    deadline = time.monotonic() + _ENDING_SECONDS
    while (found := [query for (query,) in ask(url, _SESSIONS)]) and time.monotonic() < deadline:
        time.sleep(0.02)
    return found
