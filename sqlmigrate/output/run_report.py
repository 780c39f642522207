"""What `up` and `down` show: the plan, a line for each migration, what the run waits for, and the totals."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from sqlmigrate.errors import SqlmigrateError
from sqlmigrate.executor import events
from sqlmigrate.history.state import Execution
from sqlmigrate.plan.plan import Planned
from sqlmigrate.plan.rows import missing_after, missing_inside

from . import json_values, progress_lines
from .error_lines import error_lines, failure_lines
from .status_lines import label_column
from .writer import width as screen_width

if TYPE_CHECKING:
    from sqlmigrate.plan.plan import Step

    from .report import Report

_LINE_SECONDS = 10


class RunReport:
    """Shows one run, event by event.

    If stderr is not a terminal, a statement that takes long gets a line every `line_seconds`.
    """

    def __init__(self, report: Report, line_seconds: float = _LINE_SECONDS) -> None:
        self._report = report
        self._label_width = 0
        self._is_dry_run = False
        self._notes: tuple[SqlmigrateError, ...] = ()
        self._line_ms = self._next_line_ms = line_seconds * 1000
        self._is_live = report.writer.is_live  # asked once: a pause tells four times a second

    def tell(self, happened: events.Event) -> None:  # noqa: C901 - one case for each event
        """Show one event."""
        if isinstance(happened, Planned):
            self._is_dry_run = happened.plan.dry_run
        if self._report.form == "json":
            if isinstance(happened, events.Pausing):
                return  # four in a second; `blocked` and `waiting` have said it
            self._report.json(json_values.event_value(happened, dry_run=self._is_dry_run))
            return
        match happened:
            case Planned():
                self._planned(happened)
            case events.Noted(notes):
                self._report.folder_notes(notes, stream="stderr", most=len(notes))
            case events.StatementOpen() | events.StatementAlone() | events.StatementDone():
                pass  # thousands in a large file, and none has a line
            case events.Progress() | events.Pausing():
                self._under_way(happened)
            case events.Finished():
                self._report.text(progress_lines.finished(happened, self._label_width))
            case events.Folded():
                self._report.folded(progress_lines.folded(happened, self._label_width))
            case events.NotTried():
                self._report.text(progress_lines.not_tried(happened, self._label_width))
            case events.Failed(error=error):
                self._report.text(progress_lines.failed(happened, self._label_width), "")
                self._report.text(*error_lines(error, self._report.as_called), stream="stderr")
            case _:
                self._next_line_ms = self._line_ms if isinstance(happened, events.Began) else self._next_line_ms
                self._report.text(*progress_lines.progress(happened, screen_width()), stream="stderr")

    def ended(self, executed: Sequence[Step], failed: events.Failed | None, folded: int = 0) -> None:
        """Show how a run ended: after a failure what happened and what to do now; the totals."""
        if failed:
            executed = [step for step in executed if step not in failed.gone]
            lines = failure_lines(failed, executed, self._report.as_called, dry_run=self._is_dry_run)
            self._report.text(*lines, "", stream="stderr")
        if executed or failed or folded:
            total = progress_lines.total(executed, failed, folded, dry_run=self._is_dry_run)
            self._report.text(*([] if failed else [""]), total)

    def _planned(self, planned: Planned) -> None:
        steps, rows = planned.plan.steps, planned.plan.rows
        if planned.plan.notes != self._notes:  # a plan that is made again has the same notes
            self._notes = planned.plan.notes
            self._report.folder_notes(self._notes, stream="stderr")
        folds = planned.plan.folds
        self._label_width = label_column([*(step.label for step in steps), *(each.migration.label for each in folds)])
        if steps or folds:
            is_up = planned.plan.direction == "up"
            what = _counted(step.execution for step in steps) if is_up else f"{len(steps)} to undo"
            what = " · ".join(filter(None, [what, f"{len(folds)} to fold" if folds else ""]))
            self._report.text(self._report.head(planned.state, what), "")
        elif planned.plan.direction == "down":
            self._report.text(self._report.head(planned.state, "nothing to undo"))
        else:
            left = _counted(row.execution for row in rows if row.is_pending)
            said = f"nothing to do, {left}" if left else "up to date"
            self._report.text(self._report.head(planned.state, said))
            if missing_after(rows) or missing_inside(rows):
                self._report.end_of_status(rows)

    def _under_way(self, seen: events.Progress | events.Pausing) -> None:
        """Draw the live line on a terminal; elsewhere write a line now and then."""
        report = self._report
        if self._is_live:
            report.writer.live(progress_lines.live(seen, screen_width() - 1))
        elif isinstance(seen, events.Pausing):
            return  # the line before it says when it is tried again
        elif seen.duration_ms >= self._next_line_ms:
            self._next_line_ms += self._line_ms * (1 + (seen.duration_ms - self._next_line_ms) // self._line_ms)
            report.text(*progress_lines.under_way(seen, screen_width()), stream="stderr")


def _counted(executions: Iterable[Execution | None]) -> str:
    """Count what is to be executed as `status` does: what has failed before is not pending."""
    have_failed = [execution is not None for execution in executions]
    counts = {"pending": have_failed.count(False), "failed": have_failed.count(True)}
    return ", ".join(f"{count} {word}" for word, count in counts.items() if count)
