"""Takes over the files and the history of another tool: all of it, or nothing."""

from __future__ import annotations

from dataclasses import dataclass

from psycopg import errors as pg

from sqlmigrate.database import server
from sqlmigrate.database.session import COMMIT, Request, Session
from sqlmigrate.errors import NOTHING_CHANGED, ConnectError, HistoryError, LockError, ServerError
from sqlmigrate.history import rights
from sqlmigrate.history.state import State
from sqlmigrate.history.table import make_ready, prepare, widen_log
from sqlmigrate.identifiers import literal, quoted
from sqlmigrate.operations.locked import under_lock
from sqlmigrate.plan.plan import Limits

from .adoption import Adoption
from .checks import refuse
from .files_written import written
from .histories import again, records_of
from .look import Wanted, look, look_at_folder
from .record import record, rows_of
from .tools.tool import Tool

_HOLDERS = (
    "select a.pid, a.usename, a.application_name, a.xact_start, a.query "
    "from pg_locks l join pg_stat_activity a using (pid)"
)


_LOST = "it is not known whether the rows were recorded; a second call finds out, and goes on from there"


@dataclass(frozen=True)
class Written:
    """What was taken over.

    Attributes:
        adoption: Files and history of the other tool, as they were found.
        paths: The files that were written.
        recorded: How many migrations were recorded.
    """

    adoption: Adoption
    paths: tuple[str, ...]
    recorded: int


def write_files(wanted: Wanted) -> Written:
    """Write the files alone, without a database; raises what keeps them from being converted."""
    adoption = look_at_folder(wanted)
    refuse(adoption, trust=True)
    with written(adoption.texts) as paths:
        return Written(adoption, tuple(paths), 0)


def write(
    url: str, wanted: Wanted, limits: Limits, *, trust: bool = False, ignore_missing: bool = False
) -> tuple[State, Written]:
    """Write the files and record the history, under our lock and the other tool's, in one transaction.

    Raises:
        HistoryError: A migration has failed there, or the history changed meanwhile.
        LockError: A run of ours, or of the other tool, is under way.
        MigrationError: A file cannot be converted, or was changed after it was executed.
        ConnectError: The connection failed, or was lost.
    """
    try:
        return _write(url, wanted, limits, trust=trust, ignore_missing=ignore_missing)
    except ConnectError as error:
        raise error if error.state else error.with_(state=_LOST, next_steps=["sqlmigrate adopt --write"]) from None
    except ServerError as error:
        raise error if error.state else error.with_(state=NOTHING_CHANGED) from None


def _write(url: str, wanted: Wanted, limits: Limits, *, trust: bool, ignore_missing: bool) -> tuple[State, Written]:
    with under_lock(url, wanted.table, limits.lock_wait) as (session, _):
        state, adoption = look(session, wanted)
        server.require_writable(state.server)
        rights.require_writable(state)
        refuse(adoption, trust=trust, ignore_missing=ignore_missing)
        if not adoption.to_record:
            with written(adoption.texts) as paths:
                return state, Written(adoption, tuple(paths), 0)
        history = make_ready(session, state.history, limits.lock_timeout) if state.history.exists else state.history
        creating = (widen_log(history),) if state.history.exists else prepare(history)
        _lock_other(session, adoption, state, limits)
        try:
            rows = rows_of(adoption.to_record, adoption.tool)
            with written(adoption.texts, lambda: bool(session.conn.closed)) as paths:
                session.ask(*creating, record(history, rows), COMMIT)
                return state, Written(adoption, tuple(paths), len(rows))
        except pg.UniqueViolation:
            session.abort()
            raise _changed_meanwhile(history.name) from None


def _lock_other(session: Session, adoption: Adoption, state: State, limits: Limits) -> None:
    """Begin a transaction that holds the lock of the other tool, and see that its history is as it was."""
    if adoption.history is None:
        raise AssertionError("what is recorded has a history")
    place, tool = adoption.history.place, adoption.tool
    keys = [Request(f"select pg_catalog.pg_try_advisory_xact_lock({key}::bigint)::text") for key in tool.locks(place)]
    bound = Request(f"set local lock_timeout to '{limits.lock_timeout}'", quiet=True)
    tables = ", ".join(quoted(place.schema, name) for name in (*tool.guard(place).tables, place.table))
    table = Request(f"lock table {tables} in share row exclusive mode")
    busy = Request(tool.busy(place) or "select null where false")
    try:
        _, _, *taken, _, running, rows = session.ask(
            Request("begin", quiet=True), bound, *keys, table, busy, again(tool, place)
        )
    except (pg.LockNotAvailable, pg.DeadlockDetected):
        session.abort()
        raise _locked(adoption) from None
    except pg.InsufficientPrivilege:
        session.abort()
        raise _may_not_lock(adoption, state) from None
    if running:
        session.abort()
        raise _run_of(tool, running[0][0] or "")
    if any(answer != [["true"]] for answer in taken):
        session.abort()
        raise _run_of(tool)
    if records_of(rows) != adoption.history.records:
        session.abort()
        raise _changed_meanwhile(adoption.history.shown)


def _run_of(tool: Tool, holder: str = "") -> LockError:
    """Give the error; `holder` is who holds the lock, and since when, as far as the tool says so."""
    by = f" ({holder})" if holder else ""
    unlock = f"; {tool.unlock}" if tool.unlock else ""
    return LockError(
        f"a run of {tool.name} is under way: it holds its lock{by}",
        state=NOTHING_CHANGED,
        hint=f"try again when it has ended{unlock}",
        next_steps=["sqlmigrate adopt --write"],
    )


def _locked(adoption: Adoption) -> LockError:
    """Give the error of a lock on the history itself: tools without a lock of their own have only that."""
    if adoption.history is None:
        raise AssertionError("what is locked is a history")
    place, shown = adoption.history.place, adoption.history.shown
    table = literal(quoted(place.schema, place.table))
    return LockError(
        f"another session holds a lock on {shown}: a run of {adoption.tool.name} may be under way",
        state=NOTHING_CHANGED,
        hint="try again when its transaction has ended; to see who it is:",
        next_steps=[f"psql: {_HOLDERS} where l.relation = {table}::regclass;", "sqlmigrate adopt --write"],
    )


def _may_not_lock(adoption: Adoption, state: State) -> ServerError:
    if adoption.history is None:
        raise AssertionError("what is locked is a history")
    place, shown = adoption.history.place, adoption.history.shown
    names = (*adoption.tool.guard(place).tables, place.table)
    tables = ", ".join(quoted(place.schema, name) for name in names)
    return ServerError(
        f"the role {state.server.user} may not lock {shown}",
        state=NOTHING_CHANGED,
        hint=f"without a lock {adoption.tool.name} could go on meanwhile; adopt writes nothing to it, but a lock needs "
        "the right to; its owner grants it with:",
        next_steps=[
            f"psql: grant update on {tables} to {quoted(state.server.user)};",
            "sqlmigrate adopt --write",
        ],
    )


def _changed_meanwhile(table: str) -> HistoryError:
    return HistoryError(
        f"the history {table} changed while it was read",
        state=NOTHING_CHANGED,
        hint="another run was faster: look again",
        next_steps=["sqlmigrate adopt"],
    )
