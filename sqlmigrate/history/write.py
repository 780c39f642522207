"""What is written to the history: requests that record an execution, a failure, a repair, a baseline.

This module makes the requests; the executor sends them together with the statements of the file, so that both are
committed or neither is. Each request writes the row and its entry of the log in one statement.

A request that does not find its row must not succeed: it raises an error of its own, which ends the transaction before
the COMMIT that travels behind it. `missing_row` recognises that error.
"""

from __future__ import annotations

import re
import socket
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cache

import psycopg
from psycopg import sql

from sqlmigrate.database.session import Request
from sqlmigrate.files.migration import Migration
from sqlmigrate.identifiers import literal
from sqlmigrate.version import __version__

from .state import ADOPTED, Undoing
from .table import NEWEST_FIRST, History
from .texts import down_text, up_text

_UNFINISHED = "('failed', 'running')"
_TRANSACTION = "pg_catalog.pg_current_xact_id()"
_NOTHING_UNDONE = "^down 0 of [0-9]+$"  # see `state.Undoing`


class _Parameters:
    """The parameters of one request, numbered in the order in which they are added."""

    def __init__(self) -> None:
        self.values: tuple[str | None, ...] = ()

    def add(self, value: str | None) -> str:
        """Add a value, and give the placeholder that stands for it in the SQL."""
        self.values = (*self.values, value)
        return f"${len(self.values)}"


_CLOSING_SECONDS = 10
_MISSING = re.compile(r"sqlmigrate: the history row is (early|taken|gone|changed|not logged) in transaction (\d+)")


@dataclass(frozen=True)
class MissingRow:
    """Why a request did not find its row.

    Attributes:
        why: `early`: the step before is not done, or has left something behind in the session. `taken`: another run has
            executed or rolled back the migration. `gone`: that version has no row. `changed`: there is one, but with
            another status, or written in another transaction. `not logged`: the log did not take its entry.
        transaction: The number of the transaction that looked for the row.
    """

    why: str
    transaction: str


def _guard(rows: str, why: str, early: str = "") -> str:
    """Give the SQL that raises the error of `missing_row` unless the CTE `rows` has a row; `why` is SQL as well.

    `early` is a condition, as SQL, under which the error is raised in any case.

    It is a cast that fails. It must fail only if the row is missing, so it must not be evaluated while planning:
    `concat` is STABLE, and PostgreSQL evaluates only IMMUTABLE functions of constants in advance
    (https://www.postgresql.org/docs/current/xfunc-volatility.html). It has to stand in the outermost SELECT: PostgreSQL
    does not evaluate a column of a subquery that is not used.
    """
    head = "pg_catalog.concat('sqlmigrate: the history row is ', "
    tail = f", ' in transaction ', {_TRANSACTION})::int"
    first = f"when {early} then {head}'early'{tail} " if early else ""
    return f"case {first}when not exists (select 1 from {rows}) then {head}{why}{tail} end"


def _gone_or_changed(history: History, version: str) -> str:
    return f"case when exists (select 1 from {history.quoted} where version = {version}) then 'changed' else 'gone' end"


def missing_row(error: psycopg.Error | None) -> MissingRow | None:
    """Recognise the error of a request that did not find its row, by its code and its text."""
    if not isinstance(error, psycopg.errors.InvalidTextRepresentation):
        return None
    found = _MISSING.search(error.diag.message_primary or "")
    return MissingRow(found[1], found[2]) if found else None


@cache
def _literal(text: str) -> str:
    return sql.Literal(text).as_string()


@cache
def _host() -> str:
    return _literal(socket.gethostname())


def _log_entry(history: History, action: str, rows: str, *, duration: str = "duration_ms", detail: str = "null") -> str:
    """Give the INSERT that writes an entry of the log for each of `rows`."""
    entry = {
        "logged_at": history.now,
        "executed_by": "session_user",
        "action": _literal(action),
        "version": "version",
        "name": "name",
        "checksum": "checksum",
        "duration_ms": duration,
        "host": _host(),
        "tool_version": _literal(__version__),
        "detail": detail,
    }
    if history.run_column == "there":
        entry["run"] = literal(history.run)
    return (
        f"insert into {history.quoted_log} ({', '.join(entry)})\n"
        f"  select {', '.join(entry.values())} from {rows} returning 1"
    )


def _upsert(history: History, row: Mapping[str, str], keep: Collection[str] = ()) -> str:
    """Give the INSERT of a row, or the UPDATE of one whose execution was not finished; a finished one stays.

    `row` has a piece of SQL for each column. The other columns become NULL, and those named in `keep` stay as they are.
    """
    kept = {"version", *keep}
    changed = ", ".join(f"{each.name} = excluded.{each.name}" for each in history.columns if each.name not in kept)
    return (
        f"insert into {history.quoted} as h ({', '.join(row)})\n"
        f"  values ({', '.join(row.values())})\n"
        f"  on conflict (version) do update set {changed}\n"
        f"   where h.status in {_UNFINISHED}"
    )


def _update(history: History, row: Mapping[str, str], condition: str) -> str:
    changed = ", ".join(f"{column} = {value}" for column, value in row.items())
    return f"update {history.quoted} set {changed}\n   where {condition}"


def _files(given: _Parameters, migration: Migration, *, keeps_statements: bool = False) -> dict[str, str]:
    """Give the columns that tell which files were executed; `keeps_statements` as in `texts.up_text`."""
    return {
        "name": given.add(migration.name),
        "checksum": given.add(migration.checksum),
        "up_sql": given.add(up_text(migration, keeps_statements=keeps_statements)),
        "down_sql": given.add(down_text(migration)),
    }


def _executed_now(history: History, given: _Parameters) -> dict[str, str]:
    return {"executed_at": history.now, "executed_by": "session_user", "tool_version": given.add(__version__)}


def _milliseconds_since(history: History, time: str) -> str:
    return f"(extract(epoch from {history.now} - {time}) * 1000)::bigint"


_MARK_OF_TRANSACTION = f"pg_catalog.concat('in transaction ', {_TRANSACTION})"


def _mark_transaction(history: History) -> dict[str, str]:
    """Give the column in which a row keeps the transaction that has begun its step, as long as that is executed.

    Citus only: the row of a distributed table is written on a worker, where `xmin` counts other transactions.
    """
    return {"error": _MARK_OF_TRANSACTION} if history.is_on_citus else {}


def _is_of_this_transaction(history: History) -> str:
    return f"error = {_MARK_OF_TRANSACTION}" if history.is_on_citus else f"xmin = {_TRANSACTION}::xid"


@dataclass(frozen=True)
class Begun:
    """What the answer to `begin_up` and `begin_down` says.

    Attributes:
        pid: The server process that executes the transaction; behind a pooler it may be another one each time.
        transaction: The number of the transaction.
    """

    pid: int
    transaction: str


def begun(rows: Sequence[Sequence[str | None]]) -> Begun:
    """Read the answer to `begin_up` or `begin_down`."""
    _, pid, transaction = rows[0]
    return Begun(int(pid or 0), transaction or "")


@dataclass(frozen=True)
class Condition:
    """What has to hold for a step to begin, besides what its own row says; the request fails if it does not.

    Attributes:
        is_ahead: Whether the step is sent before the answers to the one before it are there: that has to be done.
        after: The version of the step before; None for the first.
        is_prepared: Whether the request is prepared once for all steps; behind a pooler the next session has none.
        written_by: The transaction that has written the row as the plan has seen it, empty if there was none: a request
            that arrives late does nothing. None if that is not checked.
    """

    is_ahead: bool = False
    after: str | None = None
    is_prepared: bool = False
    written_by: str | None = None


ALWAYS = Condition()


def _begin(given: _Parameters, writing: str, only: Condition = ALWAYS, is_early: str = "", name: str = "") -> Request:
    """Give the request that writes the row; `is_early` is the SQL that tells that the step before is not done."""
    early = f"{is_early} or {_LEFT}" if only.is_prepared else is_early
    guard = _guard("begun", "'taken'", early if only.is_ahead else "")
    return Request(
        f"with begun as (\n  {writing} returning 1)\nselect {guard}, pg_catalog.pg_backend_pid(), {_TRANSACTION}",
        given.values,
        name=name if only.is_prepared else "",
    )


def close(history: History) -> tuple[Request, ...]:
    """Begin a transaction that waits until no other is writing the history, and lets none write it before it ends.

    What a lost connection has left on its way then finds the rows as this transaction leaves them. It fails if another
    transaction goes on for ten seconds.
    """
    return (
        Request("begin read write", quiet=True),
        Request(f"set local lock_timeout to '{_CLOSING_SECONDS}s'", quiet=True),
        Request(f"lock table only {history.quoted} in share row exclusive mode"),
    )


# What a file has prepared is only visible to the next one if that was sent ahead, and the file did not show it.
_LEFT = "exists (select from pg_catalog.pg_prepared_statements where from_sql)"


def begin_up(
    history: History,
    migration: Migration,
    statements: int,
    only: Condition = ALWAYS,
    *,
    keeps_statements: bool = False,
) -> Request:
    """Insert the row of an execution that begins; its primary key keeps every other run out.

    `keeps_statements` as in `texts.up_text`.
    """
    given = _Parameters()
    version = given.add(migration.version)
    files = _files(given, migration, keeps_statements=keeps_statements)
    row = {"version": version, "status": "'running'", **files, **_executed_now(history, given)}
    row |= {"statements": given.add(str(statements)), "statements_done": "0"}
    row |= {} if keeps_statements else _mark_transaction(history)
    # What another run has executed in part meanwhile is not begun again.
    writing = f"{_upsert(history, row)} and coalesce(h.statements_done, 0) = 0 and h.{history.unfinished} is null"
    if only.written_by is not None:
        writing += f" and h.xmin::text = {given.add(only.written_by)}"
    last = given.add(only.after) if only.is_ahead else ""
    is_executed = f"exists (select 1 from {history.quoted} where version = {last}::text and status = 'executed')"
    return _begin(given, writing, only, f"{last}::text is not null and not {is_executed}", "sqlmigrate_begin_up")


def resume_up(history: History, migration: Migration, statements: int) -> Request:
    """Mark an unfinished row as running again: its statements done are kept, the texts are those of the files."""
    given = _Parameters()
    version = given.add(migration.version)
    files = _files(given, migration, keeps_statements=True)
    row = {"status": "'running'", "error": "null", **files, **_executed_now(history, given)}
    row |= {"statements": given.add(str(statements))}
    return _begin(given, _update(history, row, f"version = {version} and status in {_UNFINISHED}"))


def begin_down(history: History, version: str, only: Condition = ALWAYS) -> Request:
    """Mark the row of an execution that is to be rolled back, which keeps every other run out."""
    given = _Parameters()
    condition = f"version = {given.add(version)} and {_is_executed_whole(history)}"
    if only.written_by is not None:
        condition += f" and xmin::text = {given.add(only.written_by)}"
    writing = _update(history, {"status": "'running'", **_mark_transaction(history)}, condition)
    last = given.add(only.after) if only.is_ahead else ""
    is_there = f"exists (select 1 from {history.quoted} where version = {last}::text)"
    return _begin(given, writing, only, is_there, "sqlmigrate_begin_down")


def _is_executed_whole(history: History) -> str:
    """Give the SQL that tells whether a migration is executed, and no part of it is undone."""
    column = history.unfinished
    return f"status = 'executed' and ({column} is null or {column} ~ '{_NOTHING_UNDONE}')"


def begin_down_alone(history: History, version: str, text: str, undoing: Undoing, *, again: bool) -> Request:
    """Record that a down without a transaction begins, with the text that is executed; the row stays executed.

    `again` says that an earlier run has undone a part already.
    """
    given = _Parameters()
    number = given.add(version)
    row = {history.unfinished: given.add(str(undoing)), "down_sql": given.add(text), "error": "null"}
    condition = "status = 'executed'" if again else _is_executed_whole(history)
    return _begin(given, _update(history, row, f"version = {number} and {condition}"))


def respell(history: History, before: str, version: str) -> Request:
    """Write the version of an unfinished row as its file spells it now: ``1`` as ``001``."""
    given = _Parameters()
    condition = f"version = {given.add(before)} and status in {_UNFINISHED}"
    return Request(_update(history, {"version": given.add(version)}, condition), given.values)


def progress(history: History, version: str, done: int, unfinished: str | None = None) -> Request:
    """Record that the first `done` statements of a file without a transaction are executed.

    `unfinished` is what `resume` has to know of the next statement, if that is about to begin.
    """
    given = _Parameters()
    number = given.add(version)
    row = {"statements_done": given.add(str(done)), history.unfinished: given.add(unfinished)}
    writing = _update(history, row, f"version = {number} and status = 'running'")
    guard = _guard("noted", _gone_or_changed(history, number))
    return Request(f"with noted as ({writing} returning 1)\nselect {guard}", given.values)


def progress_down(history: History, version: str, undoing: Undoing) -> Request:
    """Record how far a down without a transaction is."""
    given = _Parameters()
    number = given.add(version)
    row = {history.unfinished: given.add(str(undoing))}
    writing = _update(history, row, f"version = {number} and {_is_being_undone(history)}")
    guard = _guard("noted", _gone_or_changed(history, number))
    return Request(f"with noted as ({writing} returning 1)\nselect {guard}", given.values)


def _is_being_undone(history: History) -> str:
    return f"status = 'executed' and {history.unfinished} like 'down %'"


def clear_mark(history: History, version: str, undoing: Undoing | None) -> Request:
    """Record that nothing is left of a statement in which an earlier run was stopped.

    Of a down, `undoing` says how far it is.
    """
    given = _Parameters()
    row = {history.unfinished: given.add(str(undoing) if undoing else None)}
    return Request(_update(history, row, f"version = {given.add(version)}"), given.values)


# Where commits do not wait for the disk, this one does, and with it all before it: a power failure loses nothing of
# what was told.
# https://www.postgresql.org/docs/current/wal-async-commit.html
_FLUSHED = """case pg_catalog.current_setting('synchronous_commit')
       when 'off' then pg_catalog.set_config('synchronous_commit', 'local', true) end"""


def _end(given: _Parameters, missing: str, writing: str, entry: str, duration: str) -> Request:
    """Write the row and its entry of the log; `missing` says why the row is not there, as SQL."""
    guard = _guard("logged", f"case when exists (select 1 from written) then 'not logged' else {missing} end")
    returned = f"{guard}, {duration},\n       {_FLUSHED}"
    query = f"with written as (\n  {writing} returning *),\nlogged as (\n  {entry})\nselect {returned}"
    return Request(query, given.values)


def duration_ms(rows: Sequence[Sequence[str | None]]) -> int:
    """Read the answer to `end_up` or `end_down`: how long the execution took, in milliseconds."""
    _, duration, _ = rows[0]
    return int(duration or 0)


def end_up(history: History, version: str, *, in_transaction: bool) -> Request:
    """Complete the row, and write the log; in a transaction only if the same transaction has written the row."""
    given = _Parameters()
    row = {
        "status": "'executed'",
        "statements_done": "statements",
        history.unfinished: "null",
        "duration_ms": _milliseconds_since(history, "executed_at"),
        "error": "null",
    }
    number = given.add(version)
    condition = f"version = {number} and status = 'running'"
    condition += f" and {_is_of_this_transaction(history)}" if in_transaction else ""
    writing, entry = _update(history, row, condition), _log_entry(history, "up", "written")
    return _end(given, _gone_or_changed(history, number), writing, entry, "(select duration_ms from written)")


def end_down(history: History, version: str, *, duration: int | None = None) -> Request:
    """Remove the row, and write the log.

    Without a transaction `duration` says how long it took, in milliseconds. In a transaction it is None: the server
    knows, and the row is removed only if the same transaction has marked it.
    """
    given = _Parameters()
    took = _milliseconds_since(history, "pg_catalog.transaction_timestamp()") if duration is None else str(duration)
    ours = _is_of_this_transaction(history) if duration is None else "status = 'executed'"
    number = given.add(version)
    writing = f"delete from {history.quoted} where version = {number} and {ours}"
    entry = _log_entry(history, "down", "written", duration=took)
    return _end(given, _gone_or_changed(history, number), writing, entry, took)


def fail_up(  # noqa: PLR0913 - what a row has
    history: History, migration: Migration, statements: int, done: int, error: str, *, keeps_statements: bool = False
) -> Request:
    """Write the row `failed` and the log; a row that is executed stays.

    The file has so many `statements`, and so many of them are `done`. `keeps_statements` as in `texts.up_text`. What
    `progress` has noted of the unfinished statement is kept.
    """
    given = _Parameters()
    files = _files(given, migration, keeps_statements=keeps_statements)
    row = {"version": given.add(migration.version), "status": "'failed'", **files}
    row |= {
        **_executed_now(history, given),
        "statements": given.add(str(statements)),
        "statements_done": given.add(str(done)),
    }
    row |= {"error": given.add(error)}
    writing = _upsert(history, row, keep=[history.unfinished])
    entry = _log_entry(history, "failure", "kept", detail="error")
    return Request(
        f"with kept as (\n  {writing} returning *),\nlogged as (\n  {entry})\nselect count(*) from logged", given.values
    )


def fail_down(history: History, version: str, error: str) -> Request:
    """Write the failure of a down to the log; the row stays as it was, but is written by this transaction."""
    given = _Parameters()
    writing = _update(history, {"version": "version"}, f"version = {given.add(version)}")
    entry = _log_entry(history, "failure", "kept", duration="null::bigint", detail=f"{given.add(error)}::text")
    return Request(
        f"with kept as (\n  {writing} returning *),\nlogged as (\n  {entry})\nselect count(*) from logged",
        given.values,
    )


def fail_down_alone(history: History, version: str, error: str) -> Request:
    """Write the failure of a down without a transaction to the row and to the log.

    The row keeps how far the down is. If nothing is undone, it says that the migration is executed, and no more.
    """
    given = _Parameters()
    number, message, column = given.add(version), given.add(error), history.unfinished
    is_whole = f"{column} ~ '{_NOTHING_UNDONE}'"
    row = {column: f"case when {is_whole} then null else {column} end"}
    row |= {"error": f"case when {is_whole} then null else {message}::text end"}
    writing = _update(history, row, f"version = {number} and {_is_being_undone(history)}")
    rows = f"(select * from {history.quoted} where version = {number}) as kept"
    entry = _log_entry(history, "failure", rows, duration="null::bigint", detail=f"'down: ' || {message}::text")
    return Request(
        f"with noted as (\n  {writing}),\nlogged as (\n  {entry})\nselect count(*) from logged", given.values
    )


def count_as_executed(history: History, version: str) -> Request:
    """Record that what a down has undone in part was brought back by hand, and write the log."""
    given = _Parameters()
    number = given.add(version)
    row = {history.unfinished: "null", "error": "null"}
    writing = _update(history, row, f"version = {number} and {_is_being_undone(history)}")
    detail = _literal("counted what was undone in part as executed")
    entry = _log_entry(history, "repair", "written", duration="null::bigint", detail=detail)
    return _end(given, _gone_or_changed(history, number), writing, entry, "null")


def accept(history: History, migration: Migration, version: str) -> Request:
    """Record the text of a changed file as the one that was executed, and write the log."""
    given = _Parameters()
    number = given.add(version)
    row = {"version": given.add(migration.version), **_files(given, migration)}
    writing = _update(history, row, f"version = {number} and status in ('executed', 'baseline')")
    detail = _literal("accepted the changed file")
    entry = _log_entry(history, "repair", "written", duration="null::bigint", detail=detail)
    return _end(given, _gone_or_changed(history, number), writing, entry, "null")


def accept_schema(history: History, detail: str) -> Request:
    """Write to the log that the schema is accepted as it is; the entry is one of the newest migration, if there is one.

    `detail` begins with "accepted": such an entry says nothing of what is executed.
    """
    given = _Parameters()
    newest = (
        f"select version, name, checksum from only {history.quoted} where status in ('executed', 'baseline')\n"
        f"  order by {NEWEST_FIRST} limit 1"
    )
    entry = _log_entry(history, "repair", "newest", duration="null::bigint", detail=f"{given.add(detail)}::text")
    return Request(f"with newest as ({newest})\n{entry}", given.values)


def forget(history: History, version: str) -> Request:
    """Remove a row without executing anything, and write the log."""
    given = _Parameters()
    number = given.add(version)
    writing = f"delete from {history.quoted} where version = {number}"
    detail = "'forgot the ' || status || ' execution'"
    entry = _log_entry(history, "repair", "written", duration="null::bigint", detail=detail)
    return _end(given, _gone_or_changed(history, number), writing, entry, "null")


def baseline(history: History, migration: Migration) -> Request:
    """Record a migration that this database has already, and write the log."""
    given = _Parameters()
    number = given.add(migration.version)
    row = {"version": number, "status": "'baseline'", **_files(given, migration)}
    row |= {**_executed_now(history, given), "statements": "0", "statements_done": "0"}
    entry = _log_entry(history, "baseline", "written")
    return _end(given, _gone_or_changed(history, number), _upsert(history, row), entry, "null")


def fold(
    history: History, migration: Migration, statements: int, rows: Sequence[tuple[str, str]], detail: str
) -> Request:
    """Make one row, that of a squashed migration, of the rows that it replaces, and write the log once.

    `rows` are their versions and checksums. The request fails if one of them is not there as it was read. What was
    declared stays declared, and what was adopted stays adopted: as a whole, if it was so in part.
    """
    given = _Parameters()
    wanted = given.add(" ".join(f"{version}:{checksum}" for version, checksum in rows))
    is_whole = f"({history.unfinished} is null or {history.unfinished} ~ '{_NOTHING_UNDONE}')"
    row = {"version": given.add(migration.version), "status": "status", **_files(given, migration)}
    number = f"{given.add(str(statements))}::int"
    row |= {"statements": number, "statements_done": number, "duration_ms": "duration_ms"}
    row |= {"executed_at": "executed_at", "executed_by": "executed_by"}
    row |= {"tool_version": f"{given.add(__version__)} || adopted"}
    query = f"""\
with gone as (
  delete from {history.quoted}
   where version || ':' || checksum = any (pg_catalog.string_to_array({wanted}, ' '))
     and status in ('executed', 'baseline') and {is_whole}
  returning *),
summed as (
  select pg_catalog.count(*) as found, pg_catalog.max(executed_at) as executed_at,
         pg_catalog.sum(duration_ms)::bigint as duration_ms,
         (pg_catalog.array_agg(executed_by order by executed_at desc nulls last))[1] as executed_by,
         case when pg_catalog.bool_or(status = 'baseline') then 'baseline' else 'executed' end as status,
         case when pg_catalog.bool_or(tool_version like '%{ADOPTED}') then '{ADOPTED}' else '' end as adopted
    from gone),
written as (
  insert into {history.quoted} ({", ".join(row)})
  select {", ".join(row.values())} from summed where found = {given.add(str(len(rows)))}::bigint
  returning *),
logged as (
  {_log_entry(history, "fold", "written", duration="null::bigint", detail=f"{given.add(detail)}::text")})
select {_guard("logged", "'changed'")}"""
    return Request(query, given.values)
