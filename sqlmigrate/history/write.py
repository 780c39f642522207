"""What is written to the history: requests that record an execution, a failure, a repair, a baseline.

They are given, not sent: `run` sends them together with the statements of the file, so that both are committed or
neither. Each writes its row of the log by the same statement. A recording that finds no row of ours divides by zero:
that ends the transaction before its COMMIT, which travels in the same turn.
"""

from __future__ import annotations

import socket

from psycopg import sql

from sqlmigrate.database.session import Request
from sqlmigrate.files.migration import Migration
from sqlmigrate.version import __version__

from .table import History

_LOG_ROW = """\
insert into {log} (action, version, name, checksum, duration_ms, host, tool_version, detail)
  select {action}, version, name, checksum, {duration}, {host}, {tool}, {detail} from {rows} returning 1"""


def _literal(text: str | None) -> str:
    return sql.Literal(text).as_string()


def _logged(history: History, action: str, rows: str, *, duration: str = "duration_ms", detail: str = "null") -> str:
    return _LOG_ROW.format(
        log=history.quoted_log, action=_literal(action), rows=rows, duration=duration, detail=detail,
        host=_literal(socket.gethostname()), tool=_literal(__version__),
    )  # fmt: skip


def begin_up(history: History, migration: Migration, statements: int) -> Request:
    """Insert the row of an execution that begins; nobody else's can be inserted beside it (its primary key)."""
    return Request(
        f"""\
with begun as (
  insert into {history.quoted} as h (version, name, status, checksum, up_sql, down_sql, statements, statements_done,
                                     executed_at, executed_by, tool_version)
  values ($1, $2, 'running', $3, $4, $5, $6::int, 0, pg_catalog.clock_timestamp(), session_user, $7)
  on conflict (version) do update
     set name = excluded.name, status = 'running', checksum = excluded.checksum, up_sql = excluded.up_sql,
         down_sql = excluded.down_sql, statements = excluded.statements, statements_done = 0, making = null,
         executed_at = excluded.executed_at, duration_ms = null, executed_by = excluded.executed_by,
         tool_version = excluded.tool_version, error = null
   where h.status in ('failed', 'running')
  returning 1)
select 1 / count(*), pg_catalog.pg_backend_pid() from begun""",
        (migration.version, migration.name, migration.checksum, migration.up.text,
         migration.down.text if migration.down else None, str(statements), __version__),
    )  # fmt: skip


_SINCE = "(extract(epoch from pg_catalog.clock_timestamp() - {}) * 1000)::bigint"
_OURS = "xmin = pg_catalog.pg_current_xact_id()::xid"


def respell(history: History, before: str, version: str) -> Request:
    """Write the version of a failed or interrupted row as its file has it by now: ``1`` as ``001``."""
    query = f"update {history.quoted} set version = $2 where version = $1 and status in ('failed', 'running')"
    return Request(query, (before, version))


def end_up(history: History, version: str, *, in_transaction: bool) -> Request:
    """Complete the row, and write the log; in a transaction only if it is still the one that inserted the row."""
    return Request(
        f"""\
with done as (
  update {history.quoted} set status = 'executed', statements_done = statements, making = null,
         duration_ms = {_SINCE.format("executed_at")}, error = null
   where version = $1 and status = 'running'{f" and {_OURS}" if in_transaction else ""} returning *),
logged as ({_logged(history, "up", "done")})
select (select duration_ms from done), 1 / (select count(*) from logged)""",
        (version,),
    )


def progress(history: History, version: str, done: int, making: str | None = None) -> Request:
    """Record that the first `done` statements of a file without a transaction are executed.

    `making` is what `resume` has to know of the next one, where that is about to begin.
    """
    return Request(
        f"with done as (update {history.quoted} set statements_done = $2::int, making = $3 "
        "where version = $1 and status = 'running' returning 1) select 1 / count(*) from done",
        (version, str(done), making),
    )


def resume_up(history: History, migration: Migration, statements: int) -> Request:
    """Mark a failed or interrupted row as running again: its statements done are kept, the texts are the file's."""
    return Request(
        f"""\
with resumed as (
  update {history.quoted} set status = 'running', error = null, executed_by = session_user, name = $2, checksum = $3,
         executed_at = pg_catalog.clock_timestamp(),
         up_sql = $4, down_sql = $5, statements = $6::int
   where version = $1 and status in ('failed', 'running') returning 1)
select 1 / count(*) from resumed""",
        (migration.version, migration.name, migration.checksum, migration.up.text,
         migration.down.text if migration.down else None, str(statements)),
    )  # fmt: skip


def fail_up(history: History, migration: Migration, statements: tuple[int, int], error: str) -> Request:
    """Write the row `failed` (how many statements there are, and are done), and the log; an executed row stays."""
    return Request(
        f"""\
with kept as (
  insert into {history.quoted} as h (version, name, status, checksum, up_sql, down_sql, statements, statements_done,
                                     executed_at, executed_by, tool_version, error)
  values ($1, $2, 'failed', $3, $4, $5, $6::int, $7::int, pg_catalog.clock_timestamp(), session_user, $8, $9)
  on conflict (version) do update
     set name = excluded.name, status = 'failed', checksum = excluded.checksum, up_sql = excluded.up_sql,
         down_sql = excluded.down_sql, statements = excluded.statements, statements_done = excluded.statements_done,
         executed_at = excluded.executed_at, executed_by = excluded.executed_by, tool_version = excluded.tool_version,
         duration_ms = null, error = excluded.error
   where h.status in ('failed', 'running')
  returning *),
logged as ({_logged(history, "failure", "kept", detail="error")})
select count(*) from logged""",
        (migration.version, migration.name, migration.checksum, migration.up.text,
         migration.down.text if migration.down else None, *(str(count) for count in statements), __version__, error),
    )  # fmt: skip


def begin_down(history: History, version: str) -> Request:
    """Take hold of the row of an execution that is to be taken back."""
    return Request(
        f"with begun as (update {history.quoted} set status = 'running' "
        "where version = $1 and status = 'executed' returning 1) "
        "select 1 / count(*), pg_catalog.pg_backend_pid() from begun",
        (version,),
    )


def end_down(history: History, version: str, *, in_transaction: bool, duration_ms: int = 0) -> Request:
    """Remove the row, and write the log; in a transaction the duration is the server's."""
    ours = f" and {_OURS}" if in_transaction else " and status = 'executed'"
    duration = _SINCE.format("pg_catalog.transaction_timestamp()") if in_transaction else str(int(duration_ms))
    return Request(
        f"""\
with gone as (delete from {history.quoted} where version = $1{ours} returning *),
logged as ({_logged(history, "down", "gone", duration=duration)})
select {duration}, 1 / (select count(*) from logged)""",
        (version,),
    )


def fail_down(history: History, version: str, error: str) -> Request:
    """Write the failure of a down to the log; the row stays as it was."""
    rows = f"(select * from {history.quoted} where version = $1) as kept"
    return Request(
        f"with logged as ({_logged(history, 'failure', rows, duration='null::bigint', detail='$2::text')}) "
        "select count(*) from logged",
        (version, error),
    )


def accept(history: History, migration: Migration, version: str) -> Request:
    """Record the text of a changed file as the one that was executed, and write the log."""
    return Request(
        f"""\
with accepted as (
  update {history.quoted} set version = $2, name = $3, checksum = $4, up_sql = $5, down_sql = $6
   where version = $1 and status in ('executed', 'baseline') returning *),
logged as ({_logged(history, "repair", "accepted", duration="null::bigint", detail="'accepted the changed file'")})
select 1 / count(*) from logged""",
        (version, migration.version, migration.name, migration.checksum, migration.up.text,
         migration.down.text if migration.down else None),
    )  # fmt: skip


def forget(history: History, version: str) -> Request:
    """Remove a row without executing anything, and write the log."""
    detail = "'forgot the ' || status || ' execution'"
    return Request(
        f"""\
with gone as (delete from {history.quoted} where version = $1 returning *),
logged as ({_logged(history, "repair", "gone", duration="null::bigint", detail=detail)})
select 1 / count(*) from logged""",
        (version,),
    )


def baseline(history: History, migration: Migration) -> Request:
    """Record a migration that this database has already, and write the log."""
    return Request(
        f"""\
with recorded as (
  insert into {history.quoted} as h (version, name, status, checksum, up_sql, down_sql, statements, statements_done,
                                     executed_at, executed_by, tool_version)
  values ($1, $2, 'baseline', $3, $4, $5, 0, 0, pg_catalog.clock_timestamp(), session_user, $6)
  on conflict (version) do update
     set name = excluded.name, status = 'baseline', checksum = excluded.checksum, up_sql = excluded.up_sql,
         down_sql = excluded.down_sql, statements = 0, statements_done = 0, making = null, duration_ms = null,
         executed_at = excluded.executed_at, executed_by = excluded.executed_by, tool_version = excluded.tool_version,
         error = null
   where h.status in ('failed', 'running')
  returning *),
logged as ({_logged(history, "baseline", "recorded")})
select 1 / count(*) from logged""",
        (migration.version, migration.name, migration.checksum, migration.up.text,
         migration.down.text if migration.down else None, __version__),
    )  # fmt: skip
