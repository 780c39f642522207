"""What a run of a fleet shows as text: the look, the live line, how each target has ended, the counts."""

from __future__ import annotations

import math
import time
from collections import Counter
from collections.abc import Sequence
from datetime import datetime

from sqlmigrate.executor.events import Blocked, Pausing, Waiting
from sqlmigrate.output.excerpt import Line, cell_count, fitted, printable
from sqlmigrate.spelling import plural
from sqlmigrate.times import duration, seconds_until

from .causes import Causes
from .formats import slowest
from .results import SETTLED, TRIED, Ended, FleetEvent, Queued, Started, State, Summary
from .target import Target

_MOST_RANGES = 3
WORDS: dict[State, str] = {
    "done": "done",
    "tried": "tried",
    "tried in part": "tried in part",
    "not tried": "not tried",
    "up to date": "up to date",
    "failed": "failed",
    "locked": "did not get locks",
    "another run": "kept out by another run",
    "unreachable": "cannot be reached",
    "left out": "left out",
    "interrupted": "interrupted",
    "not known": "not known",
    "not begun": "not begun",
}
_MARKS: dict[str, tuple[str, str]] = {
    "tried": ("green", "✅"),
    "tried in part": ("yellow", "⏸️"),
    "not tried": ("yellow", "⏸️"),
    "done": ("green", "✅"),
    "up to date": ("green", "✅"),
    "interrupted": ("yellow", "⏸️"),
}


# -- the look ----------------------------------------------------------------------------------------------------------


def looked(summary: Summary, *, is_up: bool) -> str:
    """Say in one sentence what the look has found."""
    looks = summary.looks.values()
    ranges = Counter(look.versions for look in looks if look.state == "pending")
    verb = "need" if is_up else "undo"
    found = [_needed(count, verb, versions) for versions, count in ranges.most_common(_MOST_RANGES)]
    rare = ranges.most_common()[_MOST_RANGES:]
    rest = sum(count for _, count in rare)
    if len(rare) == 1:
        found.append(_needed(rest, verb, rare[0][0]))
    elif rare:  # of two ranges or more, so there are several targets
        found.append(f"{rest:,} {verb} other migrations")
    counts = Counter(look.state for look in looks)
    found += (
        [f"{counts['up to date']:,} {'up to date' if is_up else _nothing_to_undo(counts['up to date'])}"]
        if counts["up to date"]
        else []
    )
    found += [f"{counts['left out']:,} left out"] if counts["left out"] else []
    found += [f"{counts['unreachable']:,} cannot be reached"] if counts["unreachable"] else []
    return f"{plural(len(summary.targets), 'target')}: {', '.join(found)}"


def _nothing_to_undo(count: int) -> str:
    return f"ha{'s' if count == 1 else 've'} nothing to undo"


def _needed(count: int, verb: str, versions: Sequence[str]) -> str:
    first, last = versions
    which = first if first == last else f"{first} to {last}"
    return f"{count:,} {verb if count != 1 else _SINGULAR[verb]} {which}"


_SINGULAR = {"need": "needs", "undo": "undoes"}


# -- while it runs -----------------------------------------------------------------------------------------------------


class Live:
    """The live line: how many targets are done, under way, waiting, failed, and which one is the slowest."""

    def __init__(self, total: int) -> None:
        self._total = total
        self._began: dict[str, float] = {}
        self._states: Counter[State] = Counter()
        self._queued: dict[str, datetime] = {}  # when they try again

    def keep(self, target: Target, event: FleetEvent) -> None:
        """Remember what an event says."""
        if isinstance(event, (Queued, Pausing)):
            self._queued[target.name] = event.next_try
        else:
            self._queued.pop(target.name, None)
        if isinstance(event, Started):
            self._began[target.name] = time.monotonic()
        elif isinstance(event, Queued):
            self._began.pop(target.name, None)
        elif isinstance(event, Ended):
            self._began.pop(target.name, None)
            self._states[event.state] += 1

    def line(self, width: int) -> str:
        """Return the line."""
        ended = sum(self._states.values())
        done = sum(self._states[state] for state in SETTLED)
        under_way = {name: since for name, since in self._began.items() if name not in self._queued}
        waiting = self._total - ended - len(under_way)
        tried = sum(self._states[state] for state in TRIED)
        said = [
            f"{done:,} tried" if tried else f"{done:,} done",
            f"{len(under_way):,} under way",
            f"{waiting:,} waiting",
        ]
        if self._queued:
            soonest = math.ceil(seconds_until(min(self._queued.values())))
            said[-1] = f"{waiting:,} waiting ({len(self._queued):,} for locks, next try in {soonest} s)"
        said += [f"{ended - done:,} failed"] if ended > done else []
        if under_way:
            name, since = min(under_way.items(), key=lambda each: each[1])
            said.append(f"slowest: {name}, {duration(int(time.monotonic() - since))}")
        return fitted("   " + " · ".join(said), width)


def waits(target: Target, event: Blocked | Waiting) -> Line:
    """Say for what a target waits, and who is in the way."""
    if isinstance(event, Waiting):
        words = "another run is under way"
    else:
        who = "; ".join(f"blocked by {each.who}, {each.doing}" for each in event.blockers)
        words = f"{event.step.label}: {who or event.message}"
    return [("yellow", "⏳"), ("", printable(f" {target.name}   {words}"))]


def ended_line(target: Target, ended: Ended, column: int) -> Line:
    """Return the line of a target that has ended."""
    style, mark = _MARKS.get(ended.state, ("red", "❌"))
    what = plural(len(ended.executed), "migration") if ended.executed else WORDS[ended.state]
    if ended.state == "interrupted":
        what = _interrupted(ended)
    elif ended.migration:
        what = ended.migration
    elif ended.state in TRIED:
        what = ", ".join(filter(None, [_counted(ended.executed, "tried"), _counted(ended.not_tried, "not tried")]))
    name = printable(target.name) + " " * (column - cell_count(target.name))
    return [(style, mark), ("", f" {name}   {what:<24} {ended.duration_ms:>7,} ms")]


def _counted(found: Sequence[object], words: str) -> str:
    return f"{len(found):,} {words}" if found else ""


def _interrupted(ended: Ended) -> str:
    """Say what became of the migration that was under way, and how many before it are done."""
    if not ended.migration:
        return f"interrupted after {plural(len(ended.executed), 'migration')}" if ended.executed else "interrupted"
    said = [f"{ended.migration} {'stopped inside it' if ended.kept else 'was rolled back'}"]
    said += [f"{plural(len(ended.executed), 'migration')} done"] if ended.executed else []
    return ", ".join(said)


# -- afterwards --------------------------------------------------------------------------------------------------------


def not_tried(causes: Causes, summary: Summary) -> None:
    """Show what a dry run could not try: a line for each reason, and the names."""
    found: dict[tuple[str, str, int], list[str]] = {}
    for target in summary.targets:
        ended = summary.ended.get(target.name)
        if ended and ended.not_tried:
            first, *others = ended.not_tried
            found.setdefault((first.step.label, first.reason, len(others)), []).append(target.name)
    for (label, reason, more), names in found.items():
        causes.report.folded([("yellow", "⏸️"), ("", printable(f" {label} was not tried: {reason}"))], 3)
        if more:
            causes.report.text(f"   nor {plural(more, 'migration')} after it")
        causes.report.folded(f"   {plural(len(names), 'target')}: {causes.names(names)}", 5)


def total(summary: Summary) -> list[Line]:
    """Return the counts of all targets, the slowest, and what the logs call the run."""
    counts = Counter(summary.state(target) for target in summary.targets)
    said = [f"{counts[state]:,} {words}" for state, words in WORDS.items() if counts[state]]
    lines: list[Line] = [[("bold", " · ".join(said))]]
    if slow := slowest(summary):
        shown = ", ".join(f"{printable(name)} {ended.duration_ms:,} ms" for name, ended in slow)
        lines.append([("", f"slowest: {shown}")])
    if summary.has_begun and not summary.is_dry_run:  # no log has what was rolled back
        lines.append([("", f"run: {summary.run}")])
    return lines
