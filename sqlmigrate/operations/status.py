"""`status`, `verify` and `log`: look at a database without writing to it.

They open read-only transactions and take no lock.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace

from psycopg.errors import InsufficientPrivilege

from sqlmigrate.database import run_lock, standby
from sqlmigrate.database.blocker import UNSEEN, Blocker
from sqlmigrate.database.session import Session, connect
from sqlmigrate.errors import HistoryError, Kind, MigrationError
from sqlmigrate.files.migration import Migration, archive_of
from sqlmigrate.files.naming import version_number
from sqlmigrate.history import read, surroundings
from sqlmigrate.history.log import LogEntry, entries
from sqlmigrate.history.state import Execution, State
from sqlmigrate.history.table import DEFAULT_TABLE, History
from sqlmigrate.history.texts import NOTHING
from sqlmigrate.plan.changed import changed_error
from sqlmigrate.plan.checks import (
    AFTER,
    INSIDE,
    UNFINISHED,
    missing_error,
    out_of_order_error,
    renumbered_error,
    shortened_error,
)
from sqlmigrate.plan.half_done import half_done_rows, half_undone_error, resume_errors
from sqlmigrate.plan.notes import notes_on
from sqlmigrate.plan.plan import Direction, Plan, Planned
from sqlmigrate.plan.rows import Row, changed_rows, find_row, make_rows
from sqlmigrate.plan.squashed import view_of
from sqlmigrate.plan.up import faults_of_pending


def status(
    url: str,
    migrations: Sequence[Migration],
    *,
    table: str = DEFAULT_TABLE,
    schema: str | None = None,
    leaves: bool = False,
) -> Planned:
    """Look at a database without writing: its state, and a row for each migration, in a plan without steps.

    The plan has notes on the faults of the folder and of pending files.

    Args:
        url: The database, as libpq reads it; if it is empty, libpq's variables name the database.
        migrations: The folder, as `load` gives it.
        table: The history table, with or without its schema: ``ops.migrations``.
        schema: The schema to work in, as in `up`.
        leaves: Whether to wait at the end until the server counts the connection no more.

    Raises:
        SqlmigrateError: The database cannot be reached, or its history cannot be read.
    """
    with connect(url, schema, leaves=leaves) as session:
        planned = read.steadily(session, lambda: _look(session, migrations, table))
    rows = planned.plan.rows
    return replace(planned, plan=replace(planned.plan, notes=(*notes_on(migrations, rows), *faults_of_pending(rows))))


def _look(session: Session, migrations: Sequence[Migration], table: str) -> Planned:
    state = read.find(session, table)
    reading = read.read_again(state.history) if state.history.exists else ()
    try:
        holders: list[list[str | None]] | None
        holders, *answers = session.ask(run_lock.look_for_holder(run_lock.lock_key(state.history.name)), *reading)
    except InsufficientPrivilege:  # a server that keeps pg_locks or pg_stat_activity from our role
        session.abort()
        holders, answers = None, session.ask(*reading)
    executions = read.rows_of(answers[1]) if answers else ()
    del answers  # of 100,000 rows, a fifth of all memory
    run = _unseen_run(executions) if holders is None else run_lock.holder_in(holders)
    state = replace(state, executions=executions, run=run)
    if state.server.is_standby:
        state = replace(state, behind=standby.behind(session))
    if not any(each.leaves_something for each in executions):
        around = surroundings.look(session, state.history, _schemas(migrations), has_tables=state.has_tables)
        state = replace(state, surroundings=around)
    view = view_of(migrations, executions, archive_of(migrations))
    rows = make_rows(view.migrations, view.executions)
    return Planned(Plan("up", rows, folds=view.folds, opened=view.opened), state)


def _unseen_run(executions: Sequence[Execution]) -> Blocker | None:
    """Return what stands for a run that may be under way: a migration has begun, and its end is not recorded."""
    return UNSEEN if any(each.status == "running" for each in executions) else None


def _schemas(migrations: Sequence[Migration]) -> set[str]:
    """Return the schemas that the files create tables in; a file that cannot be split names none."""
    from sqlmigrate.plan.created import created_schemas, readable_scripts  # noqa: PLC0415 - only without a history

    return created_schemas(readable_scripts(migrations))


def verify(
    url: str,
    migrations: Sequence[Migration],
    *,
    table: str = DEFAULT_TABLE,
    schema: str | None = None,
    leaves: bool = False,
) -> tuple[Planned, list[HistoryError]]:
    """Look as `status` does, and return an error for every difference between files and history.

    The differences are: edited files, with what was edited; missing files; migrations out of order; what stopped in the
    middle and cannot go on with its file, or is undone in part. Raises as `status`.
    """
    with connect(url, schema, leaves=leaves) as session:
        planned = read.steadily(session, lambda: _look(session, migrations, table))
        rows = planned.plan.rows
        errors = [changed_files(session, planned.state.history, rows)] if changed_rows(rows) else []
        if begun := [row.execution.version for row in half_done_rows(rows) if row.execution]:
            with suppress(MigrationError):  # a file that cannot be read is the fault of the file
                errors += resume_errors(rows, read.texts(session, planned.state.history, begun))
    stopped = [each for each in planned.plan.opened if each.error]  # the archive is missing, not each of its files
    told = [row for row in rows if not any(each.covers(row.number) for each in stopped)]
    missing = (missing_error(told, kind) for kind in (INSIDE, AFTER, UNFINISHED))
    found = [half_undone_error(rows), renumbered_error(rows), *missing]
    found += [each.error for each in stopped]
    if not any(each.kind is Kind.OLDER_FOLDER for error in errors for each in (error, *error.others)):
        found += [out_of_order_error(rows, [row for row in rows if row.is_pending])]
    return planned, [*errors, *filter(None, found)]


def changed_files(session: Session, history: History, rows: Sequence[Row], state: str | None = None) -> HistoryError:
    """Return the error for files that were edited after they were executed; reads their texts in one round trip.

    `state` is that of the database, for the error.
    """
    versions = [row.execution.version for row in changed_rows(rows) if row.execution]
    return changed_error(rows, read.texts(session, history, versions), state)


def log(
    url: str, version: str | None = None, *, table: str = DEFAULT_TABLE, schema: str | None = None
) -> tuple[State, tuple[LogEntry, ...]]:
    """Read the log of the history, oldest entry first; with a `version` only its entries. Raises as `status`."""
    with connect(url, schema) as session:
        state = read.read(session, table)
        found = entries(session, state.history)
    if version is None:
        return state, found
    known = {version_number(entry.version): Execution(entry.version, entry.name, "logged") for entry in found}
    wanted = find_row(make_rows((), known.values()), version).number
    return state, tuple(entry for entry in found if version_number(entry.version) == wanted)


def recorded(
    url: str, version: str, direction: Direction, *, table: str = DEFAULT_TABLE, schema: str | None = None
) -> tuple[Execution, str]:
    """Read the up or the down text that the history has recorded for a migration.

    Raises `ConfigError` for a version that is not in the history, `HistoryError` if it has no such text, or not the
    whole of it, and what `status` raises.
    """
    with connect(url, schema) as session:
        state = read.read(session, table)
        row = find_row(make_rows((), state.executions), version)
        found = read.texts(session, state.history, [row.version])
    texts = found.get(row.version, NOTHING)
    text = texts.up if direction == "up" else texts.down
    if direction == "up" and texts.shortened:
        raise shortened_error(row.label, texts)
    if text is None or row.execution is None:
        raise HistoryError(f"the history has no {direction} text of {row.label}", next_steps=["sqlmigrate log"])
    return row.execution, text
