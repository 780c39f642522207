"""The history table and its log: columns, definitions, creation."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property

from psycopg import errors as pg

from sqlmigrate.config.settings import default
from sqlmigrate.database.session import COMMIT, Request, Session
from sqlmigrate.errors import ConfigError
from sqlmigrate.identifiers import quoted, written_parts

DEFAULT_TABLE: str = default("table")
_COLUMNS = """\
    version         text primary key,
    name            text not null,
    status          text not null check (status in ('executed', 'failed', 'running', 'baseline')),
    checksum        text,
    up_sql          text,
    down_sql        text,
    statements      int,
    statements_done int,
    making          text,
    executed_at     timestamptz,
    duration_ms     bigint,
    executed_by     text,
    tool_version    text,
    error           text"""
_LOG_COLUMNS = """\
    id              bigint generated always as identity primary key,
    logged_at       timestamptz not null default pg_catalog.clock_timestamp(),
    action          text not null check (action in ('up', 'down', 'failure', 'repair', 'baseline')),
    version         text not null,
    name            text not null,
    checksum        text,
    duration_ms     bigint,
    executed_by     text not null default session_user,
    host            text,
    tool_version    text,
    detail          text"""
COLUMN_NAMES, LOG_COLUMN_NAMES = (
    set(re.findall(r"^ +(\w+) ", columns, re.MULTILINE)) for columns in (_COLUMNS, _LOG_COLUMNS)
)


@dataclass(frozen=True)
class History:
    """Where the history is: its schema and table, resolved once; `exists` tells whether it was made already.

    `has_log` tells whether the log is there: one without the other was not made by us.
    """

    schema: str
    table: str
    exists: bool
    has_log: bool

    @property
    def name(self) -> str:
        """The qualified name, as it is shown."""
        return f"{self.schema}.{self.table}"

    @property
    def log_name(self) -> str:
        """The qualified name of the log, as it is shown."""
        return f"{self.name}_log"

    @cached_property
    def quoted(self) -> str:
        """The qualified name of the table, as it is written in SQL."""
        return quoted(self.schema, self.table)

    @cached_property
    def quoted_log(self) -> str:
        """The qualified name of the log, as it is written in SQL."""
        return quoted(self.schema, f"{self.table}_log")

    @property
    def definitions(self) -> tuple[str, str]:
        """The SQL that makes the table, and that of its log."""
        return f"create table {self.quoted} (\n{_COLUMNS}\n)", f"create table {self.quoted_log} (\n{_LOG_COLUMNS}\n)"


# https://www.postgresql.org/docs/current/sql-syntax-lexical.html#SQL-SYNTAX-IDENTIFIERS: a longer name is cut, silently
_LONGEST_NAME = 63 - len("_log")


def table_parts(setting: str) -> tuple[str | None, str]:
    """Cut the setting `table` into schema (None where there is none) and table: ``ops.migrations``, ``"a.b".m``.

    Raises `ConfigError` where it is neither a name nor two.
    """
    parts = written_parts(setting)
    if parts is None or len(parts) > 2:  # noqa: PLR2004 - a schema and a table
        raise ConfigError(
            f"`{setting}` names no table", hint='a name, or schema and name: --table ops.migrations (or "a.b"."c.d")'
        )
    if len(parts[-1].encode()) > _LONGEST_NAME:
        raise ConfigError(
            f"`{parts[-1]}` is too long for the name of the history: at most {_LONGEST_NAME} bytes, "
            f"of 63, are left beside its log's `_log`"
        )
    return (None, parts[0]) if len(parts) == 1 else (parts[0], parts[1])


def make(session: Session, history: History) -> None:
    """Make the table and its log in a transaction of their own: one turn.

    Where another run has just made them, behind a pooler that knows no lock, theirs is taken.
    """
    try:
        session.ask(Request("begin"), *prepare(history), COMMIT)
    except (pg.DuplicateTable, pg.DuplicateObject, pg.UniqueViolation):
        session.abort()


def prepare(history: History) -> tuple[Request, ...]:
    """Give the requests that make the table and its log, in the transaction that is open."""
    return tuple(Request(definition) for definition in history.definitions)
