"""The screen of `status` as lines: a line for each migration, the counts, the run that is under way."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from sqlmigrate.database.blocker import Blocker
from sqlmigrate.errors import SqlmigrateError
from sqlmigrate.plan.plan import Plan
from sqlmigrate.plan.rows import Row, count_states, renumbered_file, renumbered_label
from sqlmigrate.spelling import plural
from sqlmigrate.times import moment

from .error_lines import AsCalled
from .excerpt import Line, printable
from .wrapping import ends_in_command, folded, line_width

_MARKS = {
    "executed": ("✅", "green"), "baseline": ("✅", "green"), "pending": ("⏸️", "yellow"), "failed": ("❌", "red"),
    "changed": ("⚠️", "yellow"), "missing": ("⚠️", "yellow"), "out of order": ("⚠️", "yellow"),
}  # fmt: skip
_NARROWEST_LABEL, _WIDEST_LABEL = 10, 60
_SAID_WIDTH = 44  # what is left for the words after a name, where lines have to be folded
MOST_NOTES = 3
_ALWAYS_COUNTED = ("executed", "pending")


def label_column(labels: Iterable[str]) -> int:
    """Return the width of the column of names: that of the longest name, very long ones left out."""
    return max((len(label) for label in labels if len(label) <= _WIDEST_LABEL), default=0)


_SAID = {
    "executed": "executed {when} {duration}",
    "baseline": "baseline {when}",
    "pending": "pending",
    "out of order": "pending, out of order: a later migration is already executed",
    "changed": "executed {when} {duration}  {changed}",
    "missing": "executed {when} {duration}  {missing}",
}


def row_lines(rows: Sequence[Row], run: Blocker | None, room: int | None) -> list[Line]:
    """Return a line for each migration; if one is wider than `room`, all are folded. `run` is the run under way."""
    width = label_column(row.label for row in rows)
    lines = [_row_line(rows, row, width, run) for row in rows]
    if room is None or all(line_width(line) <= room for line in lines):
        return lines
    width = min(width, max(_NARROWEST_LABEL, room - _SAID_WIDTH - 6))
    return [part for row in rows for part in folded(_row_line(rows, row, width, run), room, 3 + width + 3)]


def _row_line(rows: Sequence[Row], row: Row, width: int, run: Blocker | None) -> Line:
    execution = row.execution
    mark, style = ("⏳", "yellow") if run and row.is_begun else _MARKS[row.state]
    when = moment(execution.executed_at) if execution and execution.executed_at else ""
    duration = f"{execution.duration_ms:>7,} ms" if execution and execution.duration_ms is not None else ""
    if row.state == "failed" or row.is_half_undone or (row.state == "missing" and not row.is_executed):
        said = _unfinished(row, when, run)
    else:
        changed = _changed(rows, row) if row.state == "changed" else ""
        missing = _missing(rows, row) if row.state == "missing" else ""
        said = _SAID[row.state].format(when=when, duration=duration, changed=changed, missing=missing)
    if row.migration and row.migration.replaces:
        said = f"{said.rstrip()}  replaces {row.migration.replaces}"
    return [(style, mark), ("", f" {row.label:<{width}}   "), ("" if row.state == "executed" else style, said.rstrip())]


def _changed(rows: Sequence[Row], row: Row) -> str:
    """Say how the file of an executed migration differs from what the history has."""
    if not row.is_renamed:
        return "the file was changed since"
    if not row.is_another_migration:
        return f"as {row.executed_label}: the file was renamed since"
    if now := renumbered_label(rows, row):
        return f"as {row.executed_label}, which is {now} now: this file was not executed"
    return f"as {row.executed_label}: the file has another name and another text"


def _missing(rows: Sequence[Row], row: Row) -> str:
    now = renumbered_file(rows, row)
    return f"its file is {now.label} now" if now else "its file is missing"


def _unfinished(row: Row, when: str, run: Blocker | None) -> str:
    """Say how a migration failed, was interrupted, or that it is running."""
    execution = row.execution
    if execution is None:
        return "failed"
    is_running = run is not None and row.is_begun
    said = [f"{'running' if is_running else 'failed':<8} {when}"]
    if row.is_begun:
        said += [run.brief if run else "interrupted"]
    if execution.undoing:
        said += [f"down {stopped_at(execution.undoing.done, execution.undoing.total, is_running=is_running)}"]
    elif execution.statements_done:
        said += [stopped_at(execution.statements_done, execution.statements, is_running=is_running)]
    if row.migration and row.migration.name != execution.name:
        said += [f"as {execution.label}"]
    if row.state == "missing":
        said += ["its file is missing"]
    if execution.error:
        said += [printable(execution.error.splitlines()[0])]
    return "  ".join(said)


def stopped_at(done: int, total: int | None, *, is_running: bool = False) -> str:
    """Name the first statement that is not executed."""
    if total is not None and done >= total:
        return "its statement executed" if total == 1 else f"all {total} statements executed"
    return f"{'at' if is_running else 'stopped at'} statement {done + 1} of {total}"


def totals(rows: Sequence[Row], run: Blocker | None) -> list[str]:
    """Return the counts, as parts that must not be cut; every migration is counted once."""
    counts = count_states(rows, is_run_under_way=run is not None)
    shown = [("total", len(rows))]
    shown += [(name, count) for name, count in counts.items() if count or name in _ALWAYS_COUNTED]
    *others, last = (f"{name.capitalize()}: {count:,}" for name, count in shown)
    return [*(f"{each} | " for each in others), last]


def note_lines(
    notes: Sequence[SqlmigrateError], as_called: AsCalled, most: int = MOST_NOTES, of_all: str = "sqlmigrate verify"
) -> Iterator[Line]:
    """Return a line for each of the first notes, and its details, and one with the number of all others.

    `of_all` is the command that shows all of them.
    """
    for note in notes[:most]:
        cures = (note.hint or "").splitlines()
        is_below = bool(note.detail) or any(map(ends_in_command, cures))
        said = ": ".join(filter(None, [str(note), None if is_below else note.hint]))
        yield [("yellow", "⚠️"), ("", f" note: {printable(said)}")]
        if is_below:
            yield from ([("", f"   {printable(each)}")] for each in (*note.detail, *map(as_called, cures)))
    if (more := len(notes) - most) > 0:
        yield [("yellow", "⚠️"), ("", f" and {plural(more, 'more note')}: {of_all}")]


def stop_lines(errors: Sequence[SqlmigrateError]) -> Iterator[Line]:
    """Return a line for each of the first errors that would stop an `up`, and one with the number of all others."""
    for error in errors[:MOST_NOTES]:
        said = ": ".join(filter(None, (error.message, "; ".join(error.detail))))
        yield [("yellow", "⚠️"), ("", f" {printable(said)}")]
    if (more := len(errors) - MOST_NOTES) > 0:
        yield [("", f"   and {more} more")]


def squash_lines(plan: Plan, archive: str) -> Iterator[Line]:
    """Say what the next `up` does about squashed migrations: what it folds, what it executes from the archive first."""
    for fold in plan.folds:
        label = fold.migration.label
        yield [("", f"{label}: the next up folds {fold.what} into its row of the history")]
    for opened in plan.opened:
        if opened.error is None:
            yield [("", f"{opened.said}: the next up executes the rest from {archive}, then folds all of them")]


def run_lines(run: Blocker, room: int | None) -> Iterator[Line]:
    """Say that a run is under way: whose, what it does, and how to end a run whose program is gone."""
    verb = "may be" if run.is_unseen else "is"
    yield from folded([("yellow", "⏳"), ("", f" a run {verb} under way: {run}")], room, 3)
    yield from folded([("", f"   {printable(run.doing)}")], room, 3)
    for line in run.ending:
        yield [("", f"   {printable(line)}")]
