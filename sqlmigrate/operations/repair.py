"""`repair` and `baseline`: change the history, execute no migration."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from sqlmigrate.database import run_lock, server
from sqlmigrate.database.session import COMMIT, Request, Session, connect
from sqlmigrate.errors import NOTHING_CHANGED, ConfigError, HistoryError
from sqlmigrate.files.migration import Migration
from sqlmigrate.history import read, rights, write
from sqlmigrate.history.state import State
from sqlmigrate.history.table import DEFAULT_TABLE, prepare
from sqlmigrate.plan.plan import DEFAULT_LIMITS
from sqlmigrate.plan.rows import Row, find, make_rows

from .status import status


def repairable(
    url: str, migrations: Sequence[Migration], version: str, *, table: str = DEFAULT_TABLE
) -> tuple[Row, str]:
    """Find what `repair` would do for `version`: its row, and a sentence that asks for it.

    Raises `ConfigError` for a version nobody knows, or one with nothing to repair.
    """
    row = find(status(url, migrations, table=table).plan.rows, version)
    checksums = {migration.checksum for migration in migrations}
    if (
        row.state == "changed"
        and row.migration
        and row.execution
        and row.execution.checksum in checksums - {row.migration.checksum}
    ):
        raise HistoryError(
            f"{row.label} is not {row.execution.label}, which was executed: that one has another number now",
            row.migration.up.span(0, 0),
            detail=["accepted, it would pass for executed, and is not"],
            state=NOTHING_CHANGED,
            hint="give it a number of its own, or take the other one back with its own files first",
        )
    if row.state == "changed":
        return row, f"Accept the file of {row.label} as it is now, in place of what was executed?"
    if row.state in ("failed", "missing", "baseline"):
        return row, f"Let the history forget {row.label} ({row.state})? The database itself stays as it is."
    raise ConfigError(f"{row.label} is {row.state}: there is nothing to repair", state=NOTHING_CHANGED)


def repair(url: str, row: Row, *, table: str = DEFAULT_TABLE, lock_wait: float = DEFAULT_LIMITS.lock_wait) -> str:
    """Do what `repairable` asked for, under the run's lock: one row of the history, one of the log.

    Gives a sentence that says what was done. Raises `HistoryError` where that row is another by now.
    """
    if row.execution is None:
        raise AssertionError("what can be repaired has an execution")
    version = row.execution.version
    with _locked(url, table, lock_wait) as (session, state):
        rights.require_writable(state)
        if row.execution not in state.executions:
            message = f"{row.label} is another than a moment ago: another run has executed it, or repaired it"
            raise HistoryError(message, state=NOTHING_CHANGED)
        if row.state == "changed" and row.migration:
            request = write.accept(state.history, row.migration, version)
            done = f"the file of {row.label} is accepted as it is now, in place of what was executed"
        else:
            request = write.forget(state.history, version)
            done = f"the history has forgotten {row.label} ({row.state}); the database itself stays as it is"
        session.ask(Request("begin"), request, COMMIT)
        return done


def baseline(
    url: str,
    migrations: Sequence[Migration],
    version: str,
    *,
    table: str = DEFAULT_TABLE,
    lock_wait: float = DEFAULT_LIMITS.lock_wait,
) -> list[Row]:
    """Record every migration up to `version` that is not executed as one that this database already has.

    Gives the rows recorded. Raises `ConfigError` for a version nobody knows.
    """
    with _locked(url, table, lock_wait) as (session, state):
        rows = make_rows(migrations, state.executions)
        limit = find(rows, version).number
        declared = [row for row in rows if row.is_pending and row.number <= limit]
        rights.require_writable(state)
        making = () if state.history.exists else prepare(state.history)
        recording = [write.baseline(state.history, row.migration) for row in declared if row.migration]
        spelling = [
            write.respell(state.history, row.execution.version, row.version) for row in declared if row.execution
        ]
        if recording:
            session.ask(Request("begin"), *making, *spelling, *recording, COMMIT)
        return declared


@contextmanager
def _locked(url: str, table: str, lock_wait: float) -> Iterator[tuple[Session, State]]:
    """Connect and take the run's lock, waiting for a run that is under way; gives the state read under the lock."""
    with connect(url) as session:
        state = read.read(session, table)
        server.require_writable(state.server)
        run_lock.take(session, state.history.name, lock_wait)
        yield session, read.read(session, table)
