"""The history table and its log: columns, definitions, creation, and how an older table is brought up to date."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Literal

import psycopg
from psycopg import errors as pg

from sqlmigrate.config.settings import default
from sqlmigrate.database.own_settings import LOCALLY
from sqlmigrate.database.server import exact
from sqlmigrate.database.session import COMMIT, Request, Session
from sqlmigrate.errors import NOTHING_EXECUTED_BY_THIS_RUN, ConfigError, ServerError
from sqlmigrate.identifiers import literal, quoted, written_parts

DEFAULT_TABLE: str = default("table")


@dataclass(frozen=True)
class Column:
    """A column of the history table or of its log.

    Attributes:
        name: Its name.
        type: Its type.
        constraint: What follows the type in the definition of the table.
        is_read: Whether it is read together with the others; the texts of files are read only where they are needed.
        may_lack: Whether a table that an older version has created may lack it; then it is neither read nor written.
    """

    name: str
    type: str
    constraint: str = ""
    is_read: bool = True
    may_lack: bool = False

    @property
    def definition(self) -> str:
        """Its line in the definition of the table."""
        return f"    {self.name:<15} {self.type} {self.constraint}".rstrip()

    @property
    def as_read(self) -> str:
        """The SQL that reads it as text; a time is read as ISO 8601 in UTC, whatever the session's settings are.

        A loop over all tables may have made a `timestamp` of it, which holds the time zone of the session.
        """
        if self.type != "timestamptz":
            return self.name
        return exact(f"{self.name}::timestamptz")


COLUMNS = (
    Column("version", "text", "primary key"),
    Column("name", "text", "not null"),
    Column("status", "text", "not null check (status in ('executed', 'failed', 'running', 'baseline'))"),
    Column("checksum", "text"),
    Column("up_sql", "text", is_read=False),
    Column("down_sql", "text", is_read=False),
    Column("statements", "int"),
    Column("statements_done", "int"),
    Column("unfinished", "text"),
    Column("executed_at", "timestamptz"),
    Column("duration_ms", "bigint"),
    Column("executed_by", "text"),
    Column("tool_version", "text"),
    Column("error", "text"),
)
_ACTIONS = "'up', 'down', 'failure', 'repair', 'baseline', 'adopt', 'fold'"
LOG_COLUMNS = (
    Column("id", "bigint", "generated always as identity primary key", is_read=False),
    Column("logged_at", "timestamptz", "not null default pg_catalog.clock_timestamp()"),
    Column("action", "text", f"not null\n{'':20}check (action in ({_ACTIONS}))"),
    Column("version", "text", "not null"),
    Column("name", "text", "not null"),
    Column("checksum", "text", is_read=False),
    Column("duration_ms", "bigint"),
    Column("executed_by", "text", "not null default session_user"),
    Column("host", "text"),
    Column("tool_version", "text", is_read=False),
    Column("detail", "text"),
    Column("run", "text", may_lack=True),
)
SNAPSHOT_COLUMNS = (
    Column("id", "bigint", "generated always as identity primary key"),
    Column("taken_at", "timestamptz", "not null default pg_catalog.clock_timestamp()"),
    Column("taken_by", "text", "not null default session_user"),
    Column("tool_version", "text", "not null"),
    Column("version", "text"),
    Column("logged", "bigint"),
    Column("history", "text"),
    Column("format", "int", "not null"),
    Column("major", "int", "not null"),
    Column("objects", "int", "not null"),
    Column("checksum", "text", "not null"),
    Column("schema", "bytea", "not null", is_read=False),
)
# How the comments on our tables begin. Loops over all tables of a schema add columns and rename some; they rarely
# change comments.
MARK, LOG_MARK, SNAPSHOT_MARK = "History of sqlmigrate", "Log of sqlmigrate", "Snapshots of sqlmigrate"
_BY_US = "written by sqlmigrate alone"
# The number as which a version is compared, as SQL: a version may be spelled in another way by now, `1` as `001`.
VERSION_NUMBER = "pg_catalog.ltrim(pg_catalog.replace(version, '_', ''), '0')"
_LENGTH, _DIGITS = f"pg_catalog.length({VERSION_NUMBER})", f'{VERSION_NUMBER} collate "C"'
# What versions are sorted by, as SQL, the oldest first, and the newest first.
VERSION_ORDER, NEWEST_FIRST = f"{_LENGTH}, {_DIGITS}", f"{_LENGTH} desc, {_DIGITS} desc"
_UNFINISHED = "unfinished"
_OLDER_UNFINISHED = "making"  # its name in tables that were created before the first release


def _older(columns: Iterable[Column]) -> tuple[Column, ...]:
    return tuple(replace(each, name=_OLDER_UNFINISHED) if each.name == _UNFINISHED else each for each in columns)


def missing_columns(columns: Iterable[Column], names: Collection[str]) -> list[str]:
    """Name the `columns` that a table with the columns `names` lacks; one under its older name is there."""
    columns = [each for each in columns if not each.may_lack]
    older = dict(zip((each.name for each in columns), (each.name for each in _older(columns)), strict=True))
    return [name for name in older if not {name, older[name]} & set(names)]


def is_older_history(names: Collection[str]) -> bool:
    """Tell whether a history with these columns was created by an older version."""
    return _OLDER_UNFINISHED in names and _UNFINISHED not in names


RunColumn = Literal["there", "may be added", "missing"]  # whether the log has it
SnapshotTable = Literal["missing", "cannot be created", "not ours", "unreadable", "readable", "writable"]


@dataclass(frozen=True)
class History:
    """Where the history is. Schema and table are looked up once, when a command connects.

    Attributes:
        schema: The schema, as it is.
        table: The table, as it is.
        exists: Whether the table exists.
        has_log: Whether the log exists; one without the other was not created by us.
        is_older: Whether an older version has created it, which called the column `unfinished` `making`.
        readers: The roles that default privileges would give rights on it when it is created, as SQL.
        snapshots: Whether the table of the snapshots exists, and what this role may do with it.
        is_log_readable: Whether this role may read the log.
        is_one_of_many: Whether another schema is known to have a history of the same name, or may have one: this schema
            was asked for.
        citus: The major version of Citus; 0 if the database does not have it.
        is_distributed: Whether Citus has distributed the table, or would do so when it is created.
        run: What the log calls the run that this session belongs to.
        run_column: Whether the log has a column for that; one that an older version has created lacks it.
    """

    schema: str
    table: str
    exists: bool
    has_log: bool
    is_older: bool = False
    readers: str = ""
    snapshots: SnapshotTable = "missing"
    is_log_readable: bool = True
    is_one_of_many: bool = False
    citus: int = 0
    is_distributed: bool = False
    run: str = ""
    run_column: RunColumn = "there"

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
    def is_on_citus(self) -> bool:
        """Whether the database has Citus, so that the table may be distributed: now, or by a file."""
        return self.citus > 0

    @property
    def now(self) -> str:
        """The SQL for the time at which a request is executed.

        Citus refuses VOLATILE functions in an UPDATE of a distributed table. The STABLE one is set again by each
        request of a pipeline.
        """
        return f"pg_catalog.{'statement' if self.is_on_citus else 'clock'}_timestamp()"

    @property
    def snapshots_table(self) -> str:
        """The name of the table of the snapshots."""
        return snapshots_table(self.table)

    @property
    def snapshots_name(self) -> str:
        """The qualified name of the table of the snapshots, as it is shown."""
        return f"{self.schema}.{self.snapshots_table}"

    @cached_property
    def quoted_snapshots(self) -> str:
        """The qualified name of the table of the snapshots, as it is written in SQL."""
        return quoted(self.schema, self.snapshots_table)

    @property
    def own_tables(self) -> tuple[str, str, str]:
        """The names of our tables in its schema, whether they exist or not."""
        return own_tables(self.table)

    @cached_property
    def columns(self) -> tuple[Column, ...]:
        """The columns under the names that they have in this table, in the order of `COLUMNS`."""
        return _older(COLUMNS) if self.is_older else COLUMNS

    @property
    def unfinished(self) -> str:
        """The name of the column `unfinished` in this table."""
        return _OLDER_UNFINISHED if self.is_older else _UNFINISHED

    @property
    def definitions(self) -> tuple[str, str]:
        """The SQL that creates the table, and the SQL that creates its log."""
        return _definition(self.quoted, COLUMNS), _definition(self.quoted_log, LOG_COLUMNS)

    @property
    def comments(self) -> tuple[str, str]:
        """The SQL that marks the table as ours, and the SQL that marks its log."""
        return _comment(self.quoted, MARK), _comment(self.quoted_log, LOG_MARK)

    @property
    def snapshots_definition(self) -> tuple[str, ...]:
        """The SQL that creates the table of the snapshots, and the SQL that marks it as ours."""
        return (
            _definition(self.quoted_snapshots, SNAPSHOT_COLUMNS),
            _comment(self.quoted_snapshots, f"{SNAPSHOT_MARK} for drift"),
        )

    @property
    def alteration(self) -> str:
        """The SQL that brings an older table up to date."""
        return f"alter table {self.quoted} rename column {_OLDER_UNFINISHED} to {_UNFINISHED}"


_MOMENT = Request("set local lock_timeout to '200ms'", quiet=True)


def _comment(name: str, mark: str) -> str:
    return f"comment on table {name} is '{mark}, {_BY_US}'"


def _definition(name: str, columns: Iterable[Column]) -> str:
    lines = ",\n".join(each.definition for each in columns)
    return f"create table {name} (\n{lines}\n)"


# https://www.postgresql.org/docs/current/sql-syntax-lexical.html#SQL-SYNTAX-IDENTIFIERS: a longer name is cut, silently
_LONGEST_NAME = 63 - len("_log")
_LONGEST_WITH_SNAPSHOTS = 63 - len("_schema")


def own_tables(table: str) -> tuple[str, str, str]:
    """Name our tables of a history: the history itself, its log, its snapshots."""
    return table, f"{table}_log", snapshots_table(table)


def snapshots_table(table: str) -> str:
    """Name the table of the snapshots of a history. A long name is cut: PostgreSQL allows 63 bytes."""
    return table.encode()[:_LONGEST_WITH_SNAPSHOTS].decode(errors="ignore") + "_schema"


def table_parts(setting: str) -> tuple[str | None, str]:
    """Cut the setting `table` into schema (None if it names none) and table: ``ops.migrations``, ``"a.b".m``.

    Raises:
        ConfigError: It is neither a name nor a schema and a name, or the name is too long.
    """
    parts = written_parts(setting)
    if parts is None or len(parts) > 2:  # noqa: PLR2004 - a schema and a table
        raise ConfigError(
            f"`{setting}` is not the name of a table",
            hint='a name, or schema and name: --table ops.migrations (or "a.b"."c.d")',
        )
    if len(parts[-1].encode()) > _LONGEST_NAME:
        raise ConfigError(
            f"`{parts[-1]}` is too long for the history table",
            hint=f"use at most {_LONGEST_NAME} bytes: PostgreSQL allows 63, and the name of the log adds `_log`",
        )
    return (None, parts[0]) if len(parts) == 1 else (parts[0], parts[1])


def unknown(setting: str) -> History:
    """Give the place that the setting `table` names, for a history that cannot be read, as if there was none."""
    schema, name = table_parts(setting)
    return History(schema or "public", name, exists=False, has_log=False)


def names_in_catalog(history: History) -> Request:
    """Ask for the qualified names of our tables, quoted as the catalog writes them: one row."""
    names = (f"pg_catalog.format('%I.%I', $1::text, ${number}::text)" for number in (2, 3, 4))
    return Request(f"select {', '.join(names)}", (history.schema, *history.own_tables))


def exists(history: History) -> Request:
    """Ask whether there is something that has the name of the history, in its schema: ``true`` or ``false``."""
    query = """\
select exists (select from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace
                where n.nspname = $1 and c.relname = $2)::text"""
    return Request(query, (history.schema, history.table))


def make(session: Session, history: History) -> None:
    """Create the table and its log in a transaction of their own, in one round trip.

    If another run has created them in the meantime (behind a pooler no lock keeps it out), they are used.
    """
    try:
        session.ask(Request("begin"), LOCALLY, *prepare(history), COMMIT)
    except (pg.DuplicateTable, pg.DuplicateObject, pg.UniqueViolation):
        session.abort()


def prepare(history: History) -> tuple[Request, ...]:
    """Give the requests that create the table and its log, in the transaction that is open.

    Only the owner may read the texts of files: they may hold passwords of roles. What default privileges give to others
    is taken away (https://www.postgresql.org/docs/current/sql-alterdefaultprivileges.html).
    """
    tables = f"{history.quoted}, {history.quoted_log}"
    privileges = [f"revoke all on {tables} from {history.readers}"] if history.readers else []
    return tuple(Request(sql) for sql in (*history.definitions, *history.comments, *privileges))


def make_ready(session: Session, history: History, lock_timeout: str) -> History:
    """Create the table and its log, or bring a table that an older version has created up to date.

    Gives the history as it is then. If another run has done it in the meantime, nothing is left to do. `lock_timeout`
    is PostgreSQL's, with its unit. Costs a round trip only if there is something to do.

    Raises:
        ServerError: Another session uses the table for longer than `lock_timeout`.
    """
    if not history.exists:
        make(session, history)
    elif history.is_older:
        _bring_up_to_date(session, history, lock_timeout)
    if history.exists and history.run_column == "may be added":
        history = replace(history, run_column=_add_run(session, history))
    return ready(history)


def _add_run(session: Session, history: History) -> RunColumn:
    """Add the column `run` to a log that an older version has created, unless another session uses the log."""
    alter = Request(f"alter table {history.quoted_log} add column run text")
    try:
        session.ask(Request("begin", quiet=True), _MOMENT, LOCALLY, alter, COMMIT)
    except pg.DuplicateColumn:  # another run has added it in the meantime
        session.abort()
    except psycopg.DatabaseError as error:  # the run does not depend on it; the next one tries again
        if isinstance(error, psycopg.OperationalError) and not isinstance(error, pg.LockNotAvailable):
            raise
        session.abort()
        return "missing"
    return "there"


def ready(history: History) -> History:
    """Give the history as it is after `make_ready`; its creator may read its log."""
    is_log_readable = history.is_log_readable or not history.exists
    return replace(history, exists=True, has_log=True, is_older=False, is_log_readable=is_log_readable)


def widen_log(history: History) -> Request:
    """Give the request that has a log take every action of today, if an older version has created it."""
    wanted = next(each.constraint for each in LOG_COLUMNS if each.name == "action").partition("check ")[2]
    log = history.quoted_log
    alter = literal(f"alter table {log} drop constraint %I, add check {wanted}")
    return Request(f"""\
do $widen$
declare narrow name;
begin
  select conname into narrow from pg_catalog.pg_constraint
   where conrelid = {literal(log)}::pg_catalog.regclass and contype = 'c'
     and pg_catalog.pg_get_constraintdef(oid) like '%''failure''%'
     and pg_catalog.pg_get_constraintdef(oid) not like '%''fold''%';
  if found then
    execute pg_catalog.format({alter}, narrow);
  end if;
end $widen$""")


def _bring_up_to_date(session: Session, history: History, lock_timeout: str) -> None:
    bound = Request(f"set local lock_timeout to '{lock_timeout}'", quiet=True)
    try:
        session.ask(Request("begin", quiet=True), bound, Request(history.alteration), COMMIT)
    except pg.UndefinedColumn:
        session.abort()
    except (pg.LockNotAvailable, pg.DeadlockDetected):
        session.abort()
        raise ServerError(
            f"the history {history.name} was created by an older version, and could not be altered: "
            "another session uses it",
            detail=[f"{history.alteration};", f"did not get its lock within {lock_timeout}"],
            state=NOTHING_EXECUTED_BY_THIS_RUN,
            hint="try again when no backup and no other session reads that table",
        ) from None
