"""Looking at the history, and mending it: status, verify, log, repair, baseline.

None of it executes a migration. Looking opens read-only transactions.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from psycopg.errors import InsufficientPrivilege

from sqlmigrate.database import run_lock
from sqlmigrate.database.session import Session, connect
from sqlmigrate.errors import HistoryError, SqlmigrateError
from sqlmigrate.files.migration import Migration
from sqlmigrate.history import read
from sqlmigrate.history.log import LogEntry, entries
from sqlmigrate.history.state import State
from sqlmigrate.history.table import DEFAULT_TABLE, History
from sqlmigrate.plan import checks
from sqlmigrate.plan.changed import changed_error
from sqlmigrate.plan.plan import Plan, Planned
from sqlmigrate.plan.rows import Row, changed_rows, make_rows


def status(url: str, migrations: Sequence[Migration], *, table: str = DEFAULT_TABLE) -> Planned:
    """Look at a database without writing: its state, and a row for each migration, in a plan without steps.

    Args:
        url: The database, as libpq reads it; where it is empty, libpq's variables name the database.
        migrations: The folder, as `load` gives it.
        table: The history table, with its schema where it has one: ``ops.migrations``.

    Raises:
        SqlmigrateError: The database cannot be reached, or its history cannot be read.
    """
    with connect(url) as session:
        return _look(session, migrations, table)


def _look(session: Session, migrations: Sequence[Migration], table: str) -> Planned:
    state = read.find(session, table)
    reading = read.read_again(state.history) if state.history.exists else ()
    try:
        holders, *answers = session.ask(run_lock.look_for_holder(run_lock.lock_key(state.history.name)), *reading)
    except InsufficientPrivilege:  # a server that keeps pg_locks or pg_stat_activity from our role
        session.abort()
        holders, answers = [], session.ask(*reading)
    executions = read.rows_of(answers[1]) if answers else ()
    state = replace(state, executions=executions, run=run_lock.holder_in(holders))
    return Planned(Plan("up", make_rows(migrations, executions)), state)


def verify(
    url: str, migrations: Sequence[Migration], *, table: str = DEFAULT_TABLE
) -> tuple[Planned, list[SqlmigrateError]]:
    """Look, and give an error for every disagreement: changed with what changed, missing, out of order."""
    with connect(url) as session:
        planned = _look(session, migrations, table)
        rows = planned.plan.rows
        errors: list[SqlmigrateError] = []
        if changed := changed_rows(rows):
            errors.append(changed_files(session, planned.state.history, changed))
    for check in (
        checks.refuse_missing,
        checks.refuse_ahead,
        checks.refuse_begun_and_missing,
        checks.refuse_out_of_order,
    ):
        try:
            check(rows)
        except HistoryError as error:
            errors.append(error)
    return planned, errors


def changed_files(session: Session, history: History, changed: Sequence[Row]) -> HistoryError:
    """Make the error for files that differ from what was executed; reads the recorded texts in one round trip."""
    versions = [row.execution.version for row in changed if row.execution]
    recorded = read.texts(session, history, versions)
    return changed_error(changed, {version: up for version, (up, _) in recorded.items()})


def log(url: str, *, table: str = DEFAULT_TABLE) -> tuple[State, tuple[LogEntry, ...]]:
    """Read the history's log, oldest first."""
    with connect(url) as session:
        state = read.read(session, table)
        return state, entries(session, state.history)
