"""Shows a run of a fleet, event by event: as text or as JSON."""

from __future__ import annotations

import time

from sqlmigrate.executor.events import Blocked, Pausing, Waiting
from sqlmigrate.output.excerpt import cell_count
from sqlmigrate.output.report import Report
from sqlmigrate.output.writer import width as screen_width
from sqlmigrate.spelling import plural

from . import formats, screens
from .causes import Causes, names_in_short
from .look import Order
from .results import SETTLED, WITH_ERROR, Ended, FleetEvent, Looked, Summary, grouped
from .target import Target
from .typed import next_line

_REDRAW_SECONDS = 0.1
_WIDEST = 30  # cells of the column of names; a longer one stands out


class FleetReport:
    """Shows one run of a fleet.

    If stderr is a terminal, a live line shows how far it is. A target has a line of its own if it failed, or if
    `is_verbose`.
    """

    def __init__(self, report: Report, summary: Summary, order: Order, *, is_verbose: bool) -> None:
        self._report = report
        self._causes = Causes(report, is_verbose=is_verbose)
        self._summary = summary
        self._order = order
        self._is_verbose = is_verbose
        self._live: screens.Live | None = None
        self._column = min(_WIDEST, max((cell_count(target.name) for target in summary.targets), default=0))
        self._drawn = 0.0
        self._has_lines = False
        self._told: set[str] = set()  # those of which it is said who blocks them

    def tell(self, target: Target, event: FleetEvent) -> None:
        """Show one event."""
        if self._report.form == "json":
            if isinstance(event, Pausing):
                return  # as in `RunReport`
            self._report.json(formats.event_value(target, event, dry_run=self._order.is_dry_run))
            return
        if isinstance(event, Looked):
            self._looked()
            return
        if isinstance(event, Ended) and not event.has_run:
            return  # the look, or why the run was stopped, has said it
        if self._live:
            self._live.keep(target, event)
        if isinstance(event, (Blocked, Waiting)) and target.name not in self._told:
            self._told.add(target.name)  # the first time only: a try that is repeated says nothing new
            self._report.folded(screens.waits(target, event), 3, stream="stderr")
        if isinstance(event, Ended) and (self._is_verbose or event.state not in SETTLED):
            if not self._has_lines:
                self._report.text("")
            self._has_lines = True
            self._report.folded(screens.ended_line(target, event, self._column), 5)
        self._draw()

    def _looked(self) -> None:
        summary = self._summary
        if len(summary.looks) < len(summary.targets):
            if self._report.writer.is_live:
                self._draw_line(f"   looked at {len(summary.looks):,} of {len(summary.targets):,}")
            return
        self._report.folded([("bold", screens.looked(summary, is_up=self._order.direction == "up"))])
        if summary.canaries:
            first = "canary first" if len(summary.canaries) == 1 else "canaries first, one by one"
            self._report.folded(f"{first}: {self._causes.names(summary.canaries)}", 3)
        self._causes.reasons(summary.groups("left out", "unreachable"))
        self._live = screens.Live(sum(look.state == "pending" for look in summary.looks.values()))

    def _draw(self) -> None:
        if self._live and self._report.writer.is_live:
            self._draw_line(self._live.line(screen_width() - 1))

    def _draw_line(self, text: str) -> None:
        if time.monotonic() - self._drawn >= _REDRAW_SECONDS:
            self._drawn = time.monotonic()
            self._report.writer.live(text)

    def interrupted(self) -> None:
        """Say that the run stops."""
        self._report.text("interrupted: what is being executed is cancelled", stream="stderr")

    def left(self) -> None:
        """Say that a second signal ends the program at once, and what may still be executed."""
        names = list(self._summary.under_way)
        if not names:
            self._report.text("interrupted again: nothing is being executed", stream="stderr")
            return
        shown = f"{plural(len(names), 'target')}: {names_in_short(names)}"
        said = f"interrupted again: what was sent may still be executed on {shown}; the histories show how it ends"
        self._report.folded(said, 3, stream="stderr")

    def ended(self, again: str) -> None:
        """Show how the run has ended: failures by their cause, the counts, the next command if there is one."""
        report, summary = self._report, self._summary
        report.json(formats.summary_value(summary))
        if report.form == "json":
            return
        ran = {name for name, ended in summary.ended.items() if ended.has_run}
        failed = [group for group in summary.groups(*WITH_ERROR) if ran & set(group.names)]
        if failed:
            report.text("", stream="stderr")
            self._causes.errors(failed)
        places = {target.name: place for place, target in enumerate(summary.targets)}
        if notes := grouped(sorted(summary.notes, key=lambda each: places[each[0]])):
            report.text(*([] if failed else [""]), stream="stderr")
            self._causes.reasons(notes, "⚠️", "note: ")
        if summary.stopped:
            report.folded([("yellow", f"stopped: {summary.stopped}")], stream="stderr")
        screens.not_tried(self._causes, summary)
        if self._order.is_dry_run and summary.has_executed:
            report.text("the dry run was rolled back: the databases are unchanged")
        if ran or summary.stopped:
            report.text(*([] if failed else [""]))
            for line in screens.total(summary):
                report.folded(line)
        if again:
            report.text(next_line(again))
