"""The steps of `down`: which executions are undone, in which order, with which SQL."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from sqlmigrate.errors import NOTHING_EXECUTED, HistoryError, MigrationError, SqlmigrateError, gather
from sqlmigrate.files.migration import Migration, checksum, text_checksum
from sqlmigrate.files.without_sql import WRITE_DOWN
from sqlmigrate.history.texts import NOTHING, Recorded
from sqlmigrate.source import Source

from . import half_done
from .checks import folder_before_squash
from .plan import DEFAULT_SELECTION, Selection, Step
from .rows import Row, find_row
from .up import read_script

if TYPE_CHECKING:
    from sqlmigrate.parsing.script import Script
    from sqlmigrate.parsing.statement import Statement


def down_rows(rows: Sequence[Row], selection: Selection = DEFAULT_SELECTION) -> list[Row]:
    """Return the rows to undo, in the reverse order of their execution.

    What an earlier down has undone in part goes first. Raises `ConfigError` for an unknown version, `HistoryError` for
    a version that is not executed, for a baseline, for a migration of which only a part is executed, and for a
    selection that leaves out what is undone in part.
    """
    _refuse_stopped(rows)
    executed = [row for row in rows if row.is_executed]
    executed.sort(key=_order_of_execution, reverse=True)
    ours = [row for row in executed if not row.is_baseline]
    if selection.all:
        return ours
    if selection.to is not None:
        chosen = [row for row in executed if row.number > _number_to_keep(rows, selection.to)]
        chosen = chosen if selection.steps is None else chosen[: selection.steps]
    else:
        count = 1 if selection.steps is None else selection.steps
        declared = [row for row in executed if row.is_baseline]
        chosen = [*ours, *declared][:count]  # a baseline that was added later does not stand in the way
    for row in chosen:
        if row.is_baseline:
            raise HistoryError(
                f"{row.label} is a baseline: it was declared, not executed, so it cannot be undone",
                state=NOTHING_EXECUTED,
                hint="to execute it here, let the history forget it first",
                next_steps=[f"sqlmigrate repair {row.version}"],
            )
    for row in rows:
        if row.is_half_undone and row not in chosen:
            raise HistoryError(
                f"{row.label} is undone in part: its down has to end before it can stay executed",
                state=NOTHING_EXECUTED,
                hint=f"go on with it; {half_done.OR_COUNT}",
                next_steps=["sqlmigrate down", f"or: sqlmigrate repair {row.version}"],
            )
    return chosen


def _refuse_stopped(rows: Sequence[Row]) -> None:
    """Raise `HistoryError` if only a part of a file without a transaction is executed: older migrations must wait."""
    for row in rows:
        execution = row.execution
        if execution and execution.is_half_done and (execution.statements_done or row.is_begun):
            done, total = execution.statements_done, execution.statements
            raise HistoryError(
                f"{execution.label} stopped {_where(done, total)}; its down file would undo all its statements",
                state=NOTHING_EXECUTED,
                hint=f"execute the rest first; {half_done.OR_FORGET}",
                next_steps=["sqlmigrate up", f"or: sqlmigrate repair {row.version}"],
            )


def _where(done: int, total: int | None) -> str:
    return f"after its last statement, {total}" if done == total else f"at statement {done + 1} of {total}"


_EPOCH = datetime.fromtimestamp(0, UTC)


def _order_of_execution(row: Row) -> tuple[bool, int, datetime, int]:
    """Return what sorts rows by their execution: the log counts it; a clock can be set back."""
    execution = row.execution
    logged, when = (execution.logged, execution.executed_at) if execution else (None, None)
    return row.is_half_undone, logged or 0, when or _EPOCH, row.number


def means_all(to: str | None, numbers: Iterable[int]) -> bool:
    """Tell whether a selection's `to` asks for all migrations: a bare 0 does, unless a migration has this number."""
    return to == "0" and 0 not in numbers


def _number_to_keep(rows: Sequence[Row], wanted: str) -> int:
    if means_all(wanted, (row.number for row in rows)):
        return -1
    row = find_row(rows, wanted)
    if not row.is_executed:
        raise HistoryError(f"{row.label} is not executed, so `down` cannot go back to it", state=NOTHING_EXECUTED)
    return row.number


def down_steps(chosen: Sequence[Row], recorded: Mapping[str, Recorded]) -> tuple[Step, ...]:
    """Return the steps that undo `chosen`: with the down file, or without one with the down text in the history.

    `recorded` holds the texts of each version. Raises `HistoryError` for irreversible migrations and
    `MigrationError` for malformed down files, all of them at once.
    """
    steps: list[Step] = []
    errors: list[SqlmigrateError] = []
    for row in chosen:
        try:
            steps.append(_down_step(row, recorded.get((row.execution or row).version, NOTHING)))
        except SqlmigrateError as error:
            errors.append(error)
    if errors:
        raise gather(errors)
    return tuple(steps)


def _down_step(row: Row, recorded: Recorded) -> Step:
    from sqlmigrate.parsing.comments import has_sql  # noqa: PLC0415 - looking does without

    version, label, down_text = (row.execution or row).version, row.label, recorded.down
    source = row.migration.down if row.migration else None
    if row.migration and row.migration.down_faults and not row.is_another_migration:
        raise gather(row.migration.down_faults)
    notes: tuple[str, ...] = ()
    is_recorded = down_text is not None and has_sql(down_text)
    if row.is_another_migration:  # its down file would undo what was never executed
        label = (row.execution or row).label
        if error := _of_another_migration(row, label, recorded, is_recorded=is_recorded):
            raise error
        source = Source(f"history of {label} (down)", down_text or "")
        notes = (f"the number belongs to {row.label} now, so the text recorded in the history is used",)
    elif source is None and is_recorded:
        source = Source(f"history of {label} (down)", down_text or "")
        notes = ("the down file is missing, so the text recorded in the history is used",)
    elif source is not None and down_text is not None and text_checksum(source) != checksum(down_text):
        notes = ("the down file differs from the text recorded in the history; the file is used",)
    if row.is_renamed and not row.is_another_migration:
        notes = (f"executed as {row.executed_label}, and renamed since", *notes)
    if source is None:
        raise _irreversible(row, recorded)
    migration = row.migration or Migration(version, (row.execution or row).label, Source("", recorded.head), source)
    script = read_script(source)
    if not script.statements:
        raise MigrationError(
            f"{label} cannot be undone: {source.path} contains no SQL", state=NOTHING_EXECUTED, hint=WRITE_DOWN
        )
    begun: tuple[Statement, ...] = ()
    if row.is_half_undone:
        begun = _begun(row, script, down_text or "")
        notes = ()  # the text in the history is that of the down that has begun
    return Step("down", version, label, script, migration, row.execution, notes, begun)


def _begun(row: Row, script: Script, recorded: str) -> tuple[Statement, ...]:
    """Return the statements of the down that has begun; raises `HistoryError` if it cannot go on with its file."""
    begun = half_done.recorded_statements(f"{row.label} (down)", recorded)
    done = row.execution.undoing.done if row.execution and row.execution.undoing else 0
    stopped = half_done.Stopped(row.label, row.version, "down", done, script)
    if number := half_done.first_difference(begun, script.statements, done):
        raise half_done.changed_beginning(stopped, number)
    if done and script.mode == "transaction":
        raise half_done.in_transaction(stopped)
    if done and (error := half_done.session_error(stopped)):
        raise error
    return begun


def _of_another_migration(row: Row, executed: str, recorded: Recorded, *, is_recorded: bool) -> HistoryError | None:
    """Return why the text in the history must not be executed, or that there is none; None if it is used."""
    squashed = folder_before_squash(row.migration, row.execution, recorded) if row.migration and row.execution else None
    if squashed or is_recorded:
        return squashed
    return HistoryError(
        f"{executed} cannot be undone: the history has no down text of it, and its number belongs to {row.label} now",
        row.migration.up.span(0, 0) if row.migration else None,
        state=NOTHING_EXECUTED,
        hint=f"the down file of {row.label} would undo another migration; bring back the files of {executed}",
    )


def _irreversible(row: Row, recorded: Recorded) -> HistoryError:
    up = row.migration.up if row.migration else Source(f"history of {row.label}", recorded.up or "")
    reason = read_script(up).irreversible or (None if row.migration else _reason_in_head(recorded.shortened))
    return HistoryError(
        f"{row.label} is irreversible: " + (reason or "it has no down file"),
        state=NOTHING_EXECUTED,
        hint="write a new migration that makes the change you want"
        + ("" if reason else f", or add {row.label}.down.sql"),
    )


def _reason_in_head(text: str) -> str | None:
    """Return the reason of the directive `irreversible` in the beginning of a text, if it can be read."""
    from sqlmigrate.parsing.comments import head  # noqa: PLC0415 - looking does without

    with suppress(MigrationError):
        return read_script(Source("", head(text))).irreversible
    return None
