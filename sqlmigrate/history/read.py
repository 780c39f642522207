"""Finds the history table and reads its rows.

Every query is schema-qualified, its functions too: a migration that changes `search_path` can neither hide the table
nor put its own functions in the way. Reading happens in read-only transactions.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime

from sqlmigrate.database.server import IDENTITY, server_of
from sqlmigrate.database.session import BEGIN_READ_ONLY, COMMIT, Request, Session
from sqlmigrate.errors import NOTHING_CHANGED, HistoryError

from .rights import no_schema, refuse_second, somebody_else, unreadable
from .state import Execution, State
from .table import COLUMN_NAMES, LOG_COLUMN_NAMES, History, table_parts

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


def read(session: Session, setting: str) -> State:
    """Find the history table that `setting` names, and read its rows: two turns, read-only; raises as `find`."""
    state = find(session, setting)
    return replace(state, executions=executions(session, state.history)) if state.history.exists else state


def find(session: Session, setting: str) -> State:
    """Find the history table that `setting` names, without its rows: one turn, read-only.

    Raises `ConfigError` where the table belongs to somebody else or its schema is missing, `ServerError` where it may
    not be read.
    """
    schema, table = table_parts(setting)
    _, identity, found, _ = session.ask(BEGIN_READ_ONLY, IDENTITY, Request(_LOOK, (schema, table)), COMMIT)
    server = server_of(session, identity)
    name, columns, readable, writable, may_create, log_columns, log_writable, *elsewhere = found[0]
    if name is None or may_create is None:
        raise no_schema(schema)
    history = History(name, table, exists=columns is not None, has_log=log_columns is not None)
    for what, there, ours in ((history.name, columns, COLUMN_NAMES), (history.log_name, log_columns, LOG_COLUMN_NAMES)):
        if there is not None and set(there.split()) != ours:
            raise somebody_else(what, there.split())
    if columns is None:
        refuse_second(history, *elsewhere)
        return State(server, history, (), may_create == "true")
    if readable != "true":
        raise unreadable(history, server.user)
    return State(server, history, (), writable == log_writable == "true")


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
            state=NOTHING_CHANGED,
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
