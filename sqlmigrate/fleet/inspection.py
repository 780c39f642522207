"""What `status`, `verify` and `drift` find out about one target. Writes nothing."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from sqlmigrate.catalog.drift import summary
from sqlmigrate.catalog.read import forget
from sqlmigrate.database.blocker import Blocker
from sqlmigrate.errors import ConnectError, HistoryError, SqlmigrateError
from sqlmigrate.files.migration import Folder, Migration
from sqlmigrate.history.state import Execution
from sqlmigrate.operations import drift as drift_operations, status as status_operations
from sqlmigrate.output.status_lines import stopped_at
from sqlmigrate.plan.first_run import first_run_errors
from sqlmigrate.plan.half_done import half_undone_error
from sqlmigrate.plan.plan import DriftPolicy, Planned
from sqlmigrate.plan.rows import Row, changed_rows, missing_after, unchanged
from sqlmigrate.plan.up import up_steps

from .advice import Commands, advised, for_target
from .differing import by_hand
from .target import Target

_ATTENTION = ("failed", "changed", "missing", "out of order")


@dataclass(frozen=True)
class Failure:
    """A migration that has failed in a target.

    Attributes:
        error: Why, as the history has recorded it.
        path: Its file; empty if it is missing.
    """

    error: SqlmigrateError
    path: str


@dataclass(frozen=True)
class Standing:
    """Where a target stands.

    Attributes:
        newest: The label of its newest executed migration; empty if none is executed.
        number: The version of that as a number; -1 if none is executed.
        pending: How many migrations `up` would execute.
        attention: The states that need attention, each with the labels of the migrations.
        error: Why it is not known; None if it is.
        failures: Which migrations have failed, and why, as the history has recorded it.
        executed: The paths of the files that are executed there as they are in the folder.
        stops: Why `up` would not begin, beyond what `attention` says.
        run: Who executes something there now; None if no run is under way.
        is_ready: Whether `up` would execute something.
        is_newer: Whether migrations were executed that are newer than every file.
        undoing: The command that goes on with a down that has stopped in the middle; empty if none has.
        notes: What is wrong with files that are not executed.
    """

    newest: str = ""
    number: int = -1
    pending: int = 0
    attention: tuple[tuple[str, tuple[str, ...]], ...] = ()
    error: SqlmigrateError | None = None
    failures: tuple[Failure, ...] = ()
    stops: tuple[SqlmigrateError, ...] = ()
    run: Blocker | None = None
    is_ready: bool = False
    is_newer: bool = False
    undoing: str = ""
    notes: tuple[SqlmigrateError, ...] = ()
    executed: frozenset[str] = frozenset()

    @property
    def is_settled(self) -> bool:
        """Whether the target is up to date, and nothing needs attention."""
        return self.error is None and not self.pending and not self.attention

    @property
    def is_unreachable(self) -> bool:
        """Whether the target could not be reached."""
        return isinstance(self.error, ConnectError)


def status(target: Target, migrations: Folder, commands: Commands) -> tuple[Standing, Planned | None]:
    """Return where a target stands, and what `status` shows of it."""
    try:
        planned = status_operations.status(
            target.url, migrations, table=commands.table, schema=target.schema, leaves=True
        )
    except SqlmigrateError as error:
        return Standing(error=for_target(error, target, commands)), None
    planned = advised(planned, target, commands)
    return standing(planned, target, commands), planned


def standing(planned: Planned, target: Target, commands: Commands) -> Standing:
    """Return where a target stands that was looked at."""
    rows, run = planned.plan.rows, planned.state.run
    executed = [row for row in rows if row.is_executed]
    first = [for_target(error, target, commands) for error in first_run_errors(planned.state.surroundings, rows)]
    stops = (*_standby(planned), *first, *(each.error for each in planned.plan.opened if each.error))
    return Standing(
        executed[-1].executed_label if executed else "",
        executed[-1].number if executed else -1,
        sum(row.is_pending for row in rows),
        tuple(_attention(rows, run)),
        failures=tuple(_failures(rows, run)),
        stops=stops,
        run=run,
        is_ready=not run and not stops and _has_steps(planned),
        is_newer=bool(missing_after(rows)),
        undoing=commands.fleet("down", "", target.name) if half_undone_error(rows) and not run else "",
        notes=planned.plan.notes,
        executed=frozenset(each.up.path for each in unchanged(rows)),
    )


def _attention(rows: tuple[Row, ...], run: Blocker | None) -> Iterator[tuple[str, tuple[str, ...]]]:
    still = [row for row in rows if not (run and row.is_begun)]
    for state in _ATTENTION:
        if labels := tuple(row.label for row in still if row.state == state):
            yield state, labels


def _standby(planned: Planned) -> list[SqlmigrateError]:
    if not planned.state.server.is_standby:
        return []
    return [SqlmigrateError("this is a standby, so the primary may be further", detail=[planned.state.behind])]


def _has_steps(planned: Planned) -> bool:
    rows = planned.plan.rows
    if changed_rows(rows) or half_undone_error(rows):
        return False
    try:
        return bool(up_steps(rows) or planned.plan.folds)
    except SqlmigrateError:
        return False


def _failures(rows: tuple[Row, ...], run: Blocker | None) -> Iterator[Failure]:
    """Say why migrations have failed: not those that a run is executing now."""
    for row in rows:
        if row.execution is None or (run and row.is_begun):
            continue
        if not row.is_executed or row.is_half_undone:
            failure = _failure(row.label, row.execution)
            path = row.migration.up.path if row.migration else ""
            yield Failure(failure if path else failure.with_(hint=None), path)


def _failure(label: str, execution: Execution) -> SqlmigrateError:
    said, *more = (execution.error or "").splitlines() or [""]
    undoing = execution.undoing
    what = f"the down of {label}" if undoing else label
    how = f": {said}" if execution.is_cut_short else f" failed: {said}" if said else " was interrupted"
    place = stopped_at(undoing.done, undoing.total) if undoing else ""
    if execution.statements_done and not undoing:
        place = stopped_at(execution.statements_done, execution.statements)
    is_of_file = execution.error and not execution.is_cut_short and not undoing
    return HistoryError(
        what + how,
        detail=[*more, *filter(None, [place])],
        hint="fix the data, or the file if no target has executed it" if is_of_file else None,
    )


@dataclass(frozen=True)
class Verified:
    """How a target differs from the files.

    Attributes:
        errors: The differences, or why they are not known.
        executed: The migrations that are executed there, and agree; None if it could not be compared.
        stops: Why the first `up` would not begin: nothing that differs, since nothing was executed.
    """

    errors: tuple[SqlmigrateError, ...] = ()
    executed: tuple[Migration, ...] | None = None
    stops: tuple[SqlmigrateError, ...] = ()


def verify(target: Target, migrations: Folder, commands: Commands) -> Verified:
    """Return how a target differs from the files."""
    try:
        planned, errors = status_operations.verify(
            target.url, migrations, table=commands.table, schema=target.schema, leaves=True
        )
    except SqlmigrateError as error:
        return Verified((for_target(error, target, commands),))
    rows = planned.plan.rows
    first = first_run_errors(planned.state.surroundings, rows)
    found, stops = (tuple(for_target(error, target, commands) for error in each) for each in (errors, first))
    return Verified(found, unchanged(rows), stops)


@dataclass(frozen=True)
class Drifted:
    """What was changed by hand in a target.

    Attributes:
        changes: What differs, a line each.
        error: Why it is not known, or not all of it; None if it is.
        alike: The same in the words of the screen; without the name of the target's own schema, so that those of
            schemas can be compared.
        is_acceptable: Whether a new snapshot would change what is said here: there has to be a history.
    """

    changes: tuple[str, ...] = ()
    error: SqlmigrateError | None = None
    alike: tuple[str, ...] = ()
    is_acceptable: bool = False


def drift(target: Target, policy: DriftPolicy, commands: Commands) -> Drifted:
    """Return what was changed by hand since the last run."""
    try:
        found_there = drift_operations.drift(
            target.url, policy, table=commands.table, schema=target.schema, leaves=True
        )
    except SqlmigrateError as error:
        return Drifted(error=for_target(error, target, commands))
    finally:
        forget()
    compared = found_there.compared
    problem = compared.problem
    if compared.drift is None and problem is None:
        problem = HistoryError("there is nothing to compare with")
    found = compared.drift.differences if compared.drift else ()
    unknown = for_target(problem, target, commands) if problem else None
    lines = tuple(summary(found))
    is_acceptable = found_there.state.history.exists and bool(lines or unknown)
    return Drifted(lines, unknown, tuple(by_hand(line, target.schema) for line in lines), is_acceptable)
