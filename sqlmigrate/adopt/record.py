"""What is written to our history for the migrations of another tool."""

from __future__ import annotations

import json
import socket
from collections.abc import Sequence

from sqlmigrate.database.session import Request
from sqlmigrate.errors import MigrationError
from sqlmigrate.history.state import ADOPTED
from sqlmigrate.history.table import History
from sqlmigrate.history.texts import down_text, up_text
from sqlmigrate.identifiers import literal
from sqlmigrate.parsing.script import read
from sqlmigrate.version import __version__

from .adoption import Entry
from .tools.tool import Tool

_SAID = {
    "verified": "the checksum of {tool} agrees with the file",
    "changed": "taken on trust: the checksum of {tool} differs from the file",
    "trusted": "taken on trust: {tool} keeps no checksum",
}
_WITHOUT_CHECKSUM = "taken on trust: the history of {tool} has no checksum of it"


_SAID_OF_STATEMENTS = {
    "verified": "the statements in the history of {tool} agree with the file",
    "changed": "taken on trust: the statements in the history of {tool} differ from the file",
    "trusted": "taken on trust: the history of {tool} has no statements of it",
}


def said_of(entry: Entry, tool: Tool) -> str:
    """Return what the log says of an adopted migration."""
    if entry.record is not None and entry.record.state == "baseline":
        return f"adopted from {tool.name}; in its baseline: declared as executed"
    said = _SAID_OF_STATEMENTS if tool.keeps_statements else _SAID
    if tool.keeps_checksums and not tool.keeps_statements:
        said = {**said, "trusted": _WITHOUT_CHECKSUM}
    return f"adopted from {tool.name}; {said[entry.verdict or 'trusted'].format(tool=tool.name)}"


def rows_of(entries: Sequence[Entry], tool: Tool) -> list[dict[str, object]]:
    """Return the rows that are recorded, in the order of execution."""
    return [_row(position, entry, tool) for position, entry in enumerate(entries)]


def _row(position: int, entry: Entry, tool: Tool) -> dict[str, object]:
    migration, record = entry.pair.migration, entry.record
    if migration is None or record is None:
        raise AssertionError("only what is executed and has a pair is recorded")
    try:
        statements = len(read(migration.up).statements)
    except MigrationError:  # an old file is not judged
        statements = 0
    return {
        "position": position,
        "status": record.state,
        "version": migration.version,
        "name": migration.name,
        "checksum": migration.checksum,
        "up_sql": up_text(migration),
        "down_sql": down_text(migration),
        "statements": statements,
        "executed_at": record.executed_at.isoformat() if record.executed_at else None,
        "duration_ms": record.duration_ms,
        "executed_by": record.executed_by,
        "detail": said_of(entry, tool),
    }


def record(history: History, rows: Sequence[dict[str, object]]) -> Request:
    """Record migrations as executed, and write the log, in the order of `rows`."""
    host, version = literal(socket.gethostname()), literal(__version__)
    adopted = literal(f"{__version__}{ADOPTED}")
    sql = f"""\
with given as (
  select * from pg_catalog.json_to_recordset($1::json) as g (
         position int, status text, version text, name text, checksum text, up_sql text, down_sql text, statements int,
         executed_at timestamptz, duration_ms bigint, executed_by text, detail text)),
written as (
  insert into {history.quoted} (version, name, status, checksum, up_sql, down_sql, statements, statements_done,
                                executed_at, duration_ms, executed_by, tool_version)
  select version, name, status, checksum, up_sql, down_sql, statements, statements,
         executed_at, duration_ms, executed_by, {adopted}
    from given order by position
  returning version)
insert into {history.quoted_log} (logged_at, action, version, name, checksum, duration_ms, executed_by, host,
                                  tool_version, detail)
  select pg_catalog.clock_timestamp(), 'adopt', version, name, checksum, duration_ms, session_user, {host},
         {version}, detail
    from given order by position"""
    return Request(sql, (json.dumps(rows),))


def forget(history: History, versions: Sequence[str]) -> Request:
    """Remove the rows of adopted migrations, and write the log."""
    host, version = literal(socket.gethostname()), literal(__version__)
    sql = f"""\
with gone as (
  delete from {history.quoted} where version = any (pg_catalog.string_to_array($1, ' '))
  returning version, name, checksum)
insert into {history.quoted_log} (logged_at, action, version, name, checksum, executed_by, host, tool_version, detail)
  select pg_catalog.clock_timestamp(), 'repair', version, name, checksum, session_user, {host}, {version},
         'took the adoption back'
    from gone"""
    return Request(sql, (" ".join(versions),))
