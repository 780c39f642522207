"""Looking at the history, and mending it: status, verify, log, repair, baseline.

None of it executes a migration. Looking opens read-only transactions.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace

from . import database, history, lock, logbook, plan, record
from .database import Request, Session
from .errors import ConfigError, HistoryError, SqlmigrateError
from .files import Migration
from .history import Execution, History, State
from .logbook import LogEntry
from .plan import Plan, Planned, Policy, Row


def status(url: str, migrations: Sequence[Migration], policy: Policy | None = None) -> Planned:
    """Look at a database without writing: its state, and the plan without steps."""
    with database.connect(url) as session:
        return _look(session, migrations, policy or Policy())


def _look(session: Session, migrations: Sequence[Migration], policy: Policy) -> Planned:
    state = history.read(session, policy.table)
    if any(execution.status == "running" for execution in state.executions):
        holder = lock.find_holder(session, lock.lock_key(state.history.name))
        state = replace(state, run=f"process {holder.pid} of {holder.user}" if holder else None)
    return Planned(Plan("up", plan.rows(migrations, state.executions)), state)


def verify(url: str, migrations: Sequence[Migration], policy: Policy) -> tuple[Planned, list[SqlmigrateError]]:
    """Look, and give an error for every disagreement: changed with what changed, missing, out of order."""
    with database.connect(url) as session:
        planned = _look(session, migrations, policy)
        rows = planned.plan.rows
        errors: list[SqlmigrateError] = []
        if changed := plan.changed_rows(rows):
            errors.append(changed_error(session, planned.state.history, changed))
    for check in (plan.refuse_missing, plan.refuse_ahead, plan.refuse_begun_and_missing, plan.refuse_out_of_order):
        try:
            check(rows)
        except HistoryError as error:
            errors.append(error)
    return planned, errors


def log(url: str, policy: Policy) -> tuple[State, tuple[LogEntry, ...]]:
    """Read the history's log, oldest first."""
    with database.connect(url) as session:
        state = history.read(session, policy.table)
        return state, logbook.entries(session, state.history)


# -- changed files -----------------------------------------------------------------------------------------------------


_ALIKE = 0.6  # of a text; below, it is not the same migration


def changed_error(session: Session, table: History, changed: Sequence[plan.Row]) -> HistoryError:
    """Make the error of files that are not what was executed, saying what kind of change it is: one turn."""
    versions = [row.execution.version for row in changed if row.execution]
    recorded = history.texts(session, table, versions)
    errors = [
        _changed(row.migration, row.execution, recorded.get(row.execution.version, (None, None))[0] or "")
        for row in changed
        if row.migration and row.execution
    ]
    errors[0].others = tuple(errors[1:])
    return errors[0]


def _changed(migration: Migration, execution: Execution, executed: str) -> HistoryError:
    when = f"executed by {execution.executed_by} on {plan.moment(execution.executed_at)} UTC"
    span, repair = migration.up.span(0, 0), f"sqlmigrate repair {migration.version}"
    renamed = f"executed as {execution.label}, and renamed since" if execution.name != migration.name else ""
    if execution.checksum == migration.checksum:
        return HistoryError(
            f"{migration.label}: {renamed}",
            span,
            detail=[when, "nothing was executed by this run"],
            hint="rename it back; or accept the name as it is now",
            next_steps=[*_moves(migration, execution), f"or: {repair}"],
        )
    from . import change  # noqa: PLC0415 - only for an error

    if renamed and not _is_alike(executed, migration.up.text):
        return HistoryError(
            f"{migration.label}: the number was executed as another migration, {execution.label}",
            span,
            detail=[when, "nothing was executed by this run"],
            hint="give this one a number of its own; where files were renumbered, take the old ones back first, "
            "with the files as they were",
        )
    what = f"the file is not what was executed: {change.kind(executed, migration.up.text)} changed"
    return HistoryError(
        f"{migration.label}: {renamed}; {what}" if renamed else f"{migration.label}: {what}",
        span,
        detail=[when, *change.difference(executed, migration.up.text), "nothing was executed by this run"],
        hint="put the file back and write the change as a new migration; or accept the file as it is now",
        next_steps=[repair],
    )


def _is_alike(executed: str, now: str) -> bool:
    """Tell whether a text has become another by editing, rather than in its place."""
    from difflib import SequenceMatcher  # noqa: PLC0415 - only for an error

    return SequenceMatcher(None, executed, now).ratio() >= _ALIKE


def _moves(migration: Migration, execution: Execution) -> Iterator[str]:
    """Give the commands that rename the files of a migration back to what was executed."""
    for source in filter(None, (migration.up, migration.down)):
        folder, _, name = source.path.rpartition("/")
        before = "/".join(filter(None, (folder, execution.label + name.removeprefix(migration.label))))
        yield shlex.join(["mv", source.path, before])


# -- mending -----------------------------------------------------------------------------------------------------------


def repairable(url: str, migrations: Sequence[Migration], version: str, policy: Policy) -> tuple[Row, str]:
    """Find what `repair` would do for `version`: its row, and a sentence that asks for it.

    Raises `ConfigError` for a version nobody knows, or one with nothing to repair.
    """
    row = plan.find(status(url, migrations, policy).plan.rows, version)
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
            detail=["accepted, it would pass for executed, and is not", "nothing was changed"],
            hint="give it a number of its own, or take the other one back with its own files first",
        )
    if row.state == "changed":
        return row, f"Accept the file of {row.label} as it is now, in place of what was executed?"
    if row.state in ("failed", "missing", "baseline"):
        return row, f"Let the history forget {row.label} ({row.state})? The database itself stays as it is."
    raise ConfigError(f"{row.label} is {row.state}: there is nothing to repair", detail=["nothing was changed"])


def repair(url: str, row: Row, policy: Policy) -> str:
    """Do what `repairable` asked for, under the run's lock: one row of the history, one of the log.

    Gives a sentence that says what was done. Raises `HistoryError` where that row is another by now.
    """
    if row.execution is None:
        raise AssertionError("what can be repaired has an execution")
    version = row.execution.version
    with _locked(url, policy) as session:
        state = history.read(session, policy.table)
        history.require_writable(state)
        if row.execution not in state.executions:
            message = f"{row.label} is another than a moment ago: another run has executed it, or repaired it"
            raise HistoryError(message, detail=["nothing was changed"])
        if row.state == "changed" and row.migration:
            request = record.accept(state.history, row.migration, version)
            done = f"the file of {row.label} is accepted as it is now, in place of what was executed"
        else:
            request = record.forget(state.history, version)
            done = f"the history has forgotten {row.label} ({row.state}); the database itself stays as it is"
        session.ask(Request("begin"), request, history.COMMIT)
        return done


def baseline(url: str, migrations: Sequence[Migration], version: str, policy: Policy) -> list[Row]:
    """Record every migration up to `version` that is not executed as one that this database already has.

    Gives the rows recorded. Raises `ConfigError` for a version nobody knows.
    """
    with _locked(url, policy) as session:
        state = history.read(session, policy.table)
        rows = plan.rows(migrations, state.executions)
        limit = plan.find(rows, version).number
        declared = [row for row in rows if row.is_pending and row.number <= limit]
        history.require_writable(state)
        making = () if state.history.exists else history.prepare(state.history)
        recording = [record.baseline(state.history, row.migration) for row in declared if row.migration]
        spelling = [
            record.respell(state.history, row.execution.version, row.version) for row in declared if row.execution
        ]
        if recording:
            session.ask(Request("begin"), *making, *spelling, *recording, history.COMMIT)
        return declared


@contextmanager
def _locked(url: str, policy: Policy) -> Iterator[Session]:
    """Connect, and take the run's lock: who executes at this moment is waited for."""
    with database.connect(url) as session:
        state = history.read(session, policy.table)
        database.require_writable(state.server)
        for _ in lock.take(session, state.history.name, policy.lock_wait):
            pass
        yield session
