"""The history table: find, read, prepare.

Every query is schema-qualified, its functions too: a migration that changes `search_path` cannot hide the table, nor
put functions of its own in the way. Reading happens in read-only transactions. What is written there is `record`'s.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cached_property

from psycopg import errors as pg, sql

from .database import IDENTITY, Request, Server, Session, server_of
from .errors import ConfigError, HistoryError, ServerError
from .files import version_number

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
_NAMES, _LOG_NAMES = (set(re.findall(r"^ +(\w+) ", columns, re.MULTILINE)) for columns in (_COLUMNS, _LOG_COLUMNS))

BEGIN_READ_ONLY = Request("begin read only", quiet=True)
COMMIT = Request("commit", quiet=True)


@dataclass(frozen=True)
class Execution:
    """A row of the history. `executed_at` is in UTC; `duration_ms` in milliseconds by the server's clock.

    `making` is set while a statement runs in no transaction: its number, and how its object was found before.
    """

    version: str
    name: str
    status: str
    checksum: str | None
    statements: int
    statements_done: int
    making: str | None
    executed_at: datetime | None
    duration_ms: int | None
    executed_by: str
    tool_version: str
    error: str | None

    @property
    def number(self) -> int:
        """The version as it is compared."""
        return version_number(self.version)

    @property
    def label(self) -> str:
        """Version and name as in the file name."""
        return f"{self.version}_{self.name}"


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
        return sql.Identifier(self.schema, self.table).as_string()

    @cached_property
    def quoted_log(self) -> str:
        """The qualified name of the log, as it is written in SQL."""
        return sql.Identifier(self.schema, f"{self.table}_log").as_string()

    @property
    def definitions(self) -> tuple[str, str]:
        """The SQL that makes the table, and that of its log."""
        return f"create table {self.quoted} (\n{_COLUMNS}\n)", f"create table {self.quoted_log} (\n{_LOG_COLUMNS}\n)"


@dataclass(frozen=True)
class State:
    """What a database is, and what was executed there, in the order of execution.

    `is_pooled` says that a pooler may give the session to others between transactions. `run` says who holds the run's
    lock, where that was asked for and somebody does.
    """

    server: Server
    history: History
    executions: tuple[Execution, ...] = ()
    is_writable: bool = True
    is_pooled: bool = False
    run: str | None = None


# -- find and read -----------------------------------------------------------------------------------------------------

# https://www.postgresql.org/docs/current/sql-syntax-lexical.html#SQL-SYNTAX-IDENTIFIERS: a longer name is cut, silently
_LONGEST_NAME = 63 - len("_log")
_PART = re.compile(r'"((?:[^"]|"")+)"|([^."]+)')

# A name is taken by whatever bears it, an index and a sequence too.
_LOOK = """\
select place.schema, found.columns, found.readable, found.writable,
       (select (pg_catalog.has_schema_privilege(n.oid, 'create')
                and pg_catalog.has_schema_privilege(n.oid, 'usage'))::text
          from pg_catalog.pg_namespace n where n.nspname = place.schema),
       log.columns, log.writable, elsewhere.schema, elsewhere.columns
  from (values (1)) as one
  left join lateral (
       select n.nspname::text as schema, {columns},
              (pg_catalog.has_schema_privilege(n.oid, 'usage')
               and pg_catalog.has_table_privilege(c.oid, 'select'))::text as readable,
              (pg_catalog.has_table_privilege(c.oid, 'insert') and pg_catalog.has_table_privilege(c.oid, 'update')
               and pg_catalog.has_table_privilege(c.oid, 'delete'))::text as writable
         from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace
        where c.relname = $2
          and case when $1::text is null then n.nspname = any (pg_catalog.current_schemas(false)) else n.nspname = $1
          end
        order by pg_catalog.array_position(pg_catalog.current_schemas(false), n.nspname)
        limit 1) as found on true
  cross join lateral (select coalesce(found.schema, $1::text, pg_catalog.current_schema()::text) as schema) as place
  left join lateral (
       select {columns}, pg_catalog.has_table_privilege(c.oid, 'insert')::text as writable
         from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace
        where n.nspname = place.schema and c.relname = $2 || '_log') as log on true
  left join lateral (
       select n.nspname::text as schema, {columns}
         from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace
        where found.schema is null and $1::text is null and c.relname = $2 and c.relkind = 'r'
          and pg_catalog.pg_get_userbyid(c.relowner) = current_user
          and (select s.source from pg_catalog.pg_settings s where s.name = 'search_path') <> 'client'
        limit 1) as elsewhere on true""".format(
    columns="""(select coalesce(pg_catalog.string_agg(a.attname, ' ' order by a.attnum), '')
                 from pg_catalog.pg_attribute a
                where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped) as columns"""
)

TIME = "pg_catalog.to_char({} at time zone 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US')"
_READ = f"""\
select version, name, status, checksum, statements, statements_done, making,
       {TIME.format("executed_at")}, duration_ms,
       executed_by, tool_version, error
  from {{}}
 order by executed_at, version"""


def table_parts(setting: str) -> tuple[str | None, str]:
    """Cut the setting `table` into schema (None where there is none) and table: ``ops.migrations``, ``"a.b".m``.

    Raises `ConfigError` where it is neither a name nor two.
    """
    parts = [(quoted.replace('""', '"') or plain) for quoted, plain in _PART.findall(setting)]
    if not setting.strip() or '"'.join(_PART.sub("x", setting).split(".")) not in ("x", 'x"x'):
        raise ConfigError(
            f"`{setting}` names no table", hint='a name, or schema and name: --table ops.migrations (or "a.b"."c.d")'
        )
    if len(parts[-1].encode()) > _LONGEST_NAME:
        raise ConfigError(
            f"`{parts[-1]}` is too long for the name of the history: at most {_LONGEST_NAME} bytes, "
            f"of 63, are left beside its log's `_log`"
        )
    return (None, parts[0]) if len(parts) == 1 else (parts[0], parts[1])


def read(session: Session, setting: str) -> State:
    """Find the history table that `setting` names, and read it: two turns, read-only.

    Raises `ConfigError` where the table belongs to somebody else or its schema is missing, `ServerError` where it may
    not be read.
    """
    schema, table = table_parts(setting)
    _, identity, found, _ = session.ask(BEGIN_READ_ONLY, IDENTITY, Request(_LOOK, (schema, table)), COMMIT)
    server = server_of(session, identity)
    name, columns, readable, writable, may_create, log_columns, log_writable, *elsewhere = found[0]
    if name is None or may_create is None:
        raise _no_schema(schema)
    history = History(name, table, exists=columns is not None, has_log=log_columns is not None)
    for what, there, ours in ((history.name, columns, _NAMES), (history.log_name, log_columns, _LOG_NAMES)):
        if there is not None and set(there.split()) != ours:
            raise _somebody_else(what, there.split())
    if columns is None:
        _refuse_second(history, *elsewhere)
        return State(server, history, (), may_create == "true")
    if readable != "true":
        raise unreadable(history, server.user)
    return State(server, history, executions(session, history), writable == log_writable == "true")


def read_again(history: History) -> tuple[Request, ...]:
    """Give the requests that read the rows; `rows_of` makes executions of the second one's answer."""
    return (BEGIN_READ_ONLY, Request(_READ.format(history.quoted)), COMMIT)


def executions(session: Session, history: History) -> tuple[Execution, ...]:
    """Read the rows of the history, in the order of execution: one turn."""
    return rows_of(session.ask(*read_again(history))[1])


def rows_of(rows: Sequence[Sequence[str | None]]) -> tuple[Execution, ...]:
    """Make executions of what `read_again` brought."""
    return tuple(_execution(row) for row in rows)


def _execution(row: Sequence[str | None]) -> Execution:
    version, name, status, checksum, statements, done, making, at, duration, by, tool, error = row
    if not (version or "").replace("_", "").isdecimal():
        raise HistoryError(
            f"the history has a row of version `{version}`, which is no number: it was not written by us",
            detail=["nothing was changed"],
            hint="look into the table, and remove the row",
        )
    return Execution(
        version or "", name or "", status or "", checksum, int(statements or 0), int(done or 0),
        making,
        datetime.fromisoformat(at).replace(tzinfo=UTC) if at else None,
        int(duration) if duration is not None else None, by or "", tool or "", error,
    )  # fmt: skip


def texts(session: Session, history: History, versions: Sequence[str]) -> dict[str, tuple[str | None, str | None]]:
    """Read the up and the down text recorded with the executions of `versions`: one turn."""
    if not versions:
        return {}
    query = Request(
        f"select version, up_sql, down_sql from {history.quoted} "
        "where version = any (pg_catalog.string_to_array($1::text, ' '))",
        (" ".join(versions),),
    )
    _, rows, _ = session.ask(BEGIN_READ_ONLY, query, COMMIT)
    return {str(version): (up, down) for version, up, down in rows}


def _refuse_second(history: History, schema: str | None, columns: str | None) -> None:
    """Raise where this role has a history in a schema that its `search_path` no longer leads to.

    A `search_path` that this connection asks for itself is meant: a schema for each customer has a history for each.
    """
    if schema is None or set((columns or "").split()) != _NAMES:
        return
    there = replace(history, schema=schema)
    raise ConfigError(
        f"the history of this database is {there.name}, and the search_path leads to {history.schema}; "
        "nothing was changed",
        detail=["a second history would execute every migration again"],
        hint=f"go on with it: --table {there.quoted}; or, where a second one is meant: --table {history.quoted}",
    )


def _no_schema(schema: str | None) -> ConfigError:
    if schema is None:
        return ConfigError(
            "no schema of the search_path exists, so the history has no place",
            hint="name one: --table public.migrations",
        )
    return ConfigError(
        f"the schema {schema} of the history does not exist; nothing was changed",
        next_steps=[f"psql: create schema {sql.Identifier(schema).as_string()};"],
    )


def unreadable(history: History, user: str, what: str | None = None) -> ServerError:
    """Make the error of a role that may not read the history, with the SQL for its DBA."""
    schema, role = (sql.Identifier(name).as_string() for name in (history.schema, user))
    return ServerError(
        f"the role {user} may not read the history {what or history.name}; nothing was changed",
        hint="its owner gives the right with:",
        next_steps=[f"psql: grant usage on schema {schema} to {role};",
                    f"psql: grant select on {history.quoted}, {history.quoted_log} to {role};"],
    )  # fmt: skip


def half_made(history: History) -> ServerError:
    """Make the error of a history of which one table is there without the other, with the SQL of that."""
    there, gone = (history.name, history.log_name) if history.exists else (history.log_name, history.name)
    definition = history.definitions[1 if history.exists else 0]
    return ServerError(
        f"{there} is there, and {gone} beside it is gone; nothing was changed",
        hint="bring it back from a backup, or make it empty:",
        next_steps=f"psql: {definition};".splitlines(),
    )


def _somebody_else(what: str, columns: Sequence[str]) -> ConfigError:
    return ConfigError(
        f"the table {what} has other columns than our history: it is somebody else's; nothing was changed",
        detail=[f"its columns: {', '.join(columns) or 'none'}"],
        hint="keep our history in another table: --table sqlmigrate_migrations, "
        'or in pyproject.toml: [tool.sqlmigrate] table = "sqlmigrate_migrations"',
    )


# -- prepare -----------------------------------------------------------------------------------------------------------


def require_writable(state: State) -> None:
    """Raise `ServerError`, with the SQL for the DBA, where this role may not make or write the history."""
    history, user = state.history, sql.Identifier(state.server.user).as_string()
    if history.exists != history.has_log:
        raise half_made(history)
    if state.is_writable:
        return
    if history.exists:
        raise ServerError(
            f"the role {state.server.user} may only read the history {history.name}; nothing was changed",
            hint="its owner gives the right with:",
            next_steps=[f"psql: grant insert, update, delete on {history.quoted} to {user};",
                        f"psql: grant insert on {history.quoted_log} to {user};"],
        )  # fmt: skip
    raise ServerError(
        f"the role {state.server.user} may not create the history in schema {history.schema}; nothing was changed",
        hint="a role that may executes this once:",
        next_steps=[
            *(line for definition in history.definitions for line in f"{definition};".splitlines()),
            f"grant usage on schema {sql.Identifier(history.schema).as_string()} to {user};",
            f"grant select, insert, update, delete on {history.quoted} to {user};",
            f"grant select, insert on {history.quoted_log} to {user};",
        ],
    )


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
