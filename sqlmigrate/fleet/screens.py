"""What `fleet` shows as text: the look, the live line, what failed and where, the table of versions."""

from __future__ import annotations

import math
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime

from sqlmigrate.errors import SqlmigrateError
from sqlmigrate.executor.events import Blocked, Pausing, Waiting
from sqlmigrate.output.error_lines import error_lines
from sqlmigrate.output.excerpt import Line, cell_count, fitted, printable
from sqlmigrate.output.report import Report
from sqlmigrate.spelling import plural
from sqlmigrate.times import duration, seconds_until

from .formats import slowest
from .inspection import Drifted, Standing
from .results import SETTLED, TRIED, Ended, FleetEvent, Group, Queued, Started, State, Summary
from .target import Target

_MOST_NAMES = 5
_MOST_OWN = 12  # lines of what one target has of its own
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


def names_in_short(names: Sequence[str]) -> str:
    """Return five names, and how many more there are."""
    more = len(names) - _MOST_NAMES
    shown = ", ".join(map(printable, names[:_MOST_NAMES]))
    return f"{shown} and {more:,} more" if more > 0 else shown


# -- the look ----------------------------------------------------------------------------------------------------------


def looked(summary: Summary, *, is_up: bool) -> str:
    """Say in one sentence what the look has found."""
    looks = summary.looks.values()
    ranges = Counter(look.versions for look in looks if look.state == "pending")
    verb = "need" if is_up else "undo"
    found = [_needed(count, verb, versions) for versions, count in ranges.most_common(_MOST_RANGES)]
    rest = sum(count for _, count in ranges.most_common()[_MOST_RANGES:])
    found += [f"{rest:,} {verb} other migrations"] if rest else []
    counts = Counter(look.state for look in looks)
    found += (
        [f"{counts['up to date']:,} {'up to date' if is_up else 'have nothing to undo'}"]
        if counts["up to date"]
        else []
    )
    found += [f"{counts['left out']:,} left out"] if counts["left out"] else []
    found += [f"{counts['unreachable']:,} cannot be reached"] if counts["unreachable"] else []
    return f"{plural(len(summary.targets), 'target')}: {', '.join(found)}"


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


def groups(report: Report, found: Sequence[Group]) -> None:
    """Show errors, each once, with the names of the targets that have it, and what each of them has of its own."""
    for group in found:
        lines = list(error_lines(group.error, report.as_called))
        names: Line = [("bold", f"   {'targets':<8}"), ("", f"{len(group.names):,}: {names_in_short(group.names)}")]
        report.text(*lines[:-1], stream="stderr")
        report.folded(names, 11, stream="stderr")
        _own(report, group)
        report.text("", stream="stderr")


def reasons(report: Report, found: Sequence[Group], mark: str = "⏸️", before: str = "") -> None:
    """Show why targets are left out: each reason once, the names, what can be done, what each has of its own."""
    for group in found:
        report.folded([("yellow", mark), ("", f" {before}{_reason(group.error)}")], 3, stream="stderr")
        report.folded(f"   {plural(len(group.names), 'target')}: {names_in_short(group.names)}", 5, stream="stderr")
        report.text(*_cure(report, group.error), stream="stderr")
        _own(report, group)


def _cure(report: Report, error: SqlmigrateError) -> Sequence[Line]:
    """Return what an error says beyond its message and its place."""
    _, *lines, _ = error_lines(error.with_(message="", span=None, state=None), report.as_called)
    return lines


def _own(report: Report, group: Group) -> None:
    """Show what is true for single targets: of the first five, and how many more there are."""
    for name, error in group.own[:_MOST_NAMES]:
        report.folded([("bold", f"   {printable(name)}"), ("", f"  {printable(error.message)}")], 5, stream="stderr")
        indented: Sequence[Line] = [[("", "  "), *line] for line in _cure(report, error)]
        report.text(*indented[:_MOST_OWN], stream="stderr")
        if len(indented) > _MOST_OWN:
            report.text(f"     and {len(indented) - _MOST_OWN:,} more lines: --format json", stream="stderr")
    if len(group.own) > _MOST_NAMES:
        report.text(f"   and {len(group.own) - _MOST_NAMES:,} more, each with its own", stream="stderr")


def _reason(error: SqlmigrateError) -> str:
    return printable(f"{error.message} ({error.span})" if error.span else error.message)


def not_tried(report: Report, summary: Summary) -> None:
    """Show what a dry run could not try: a line for each reason, and the names."""
    found: dict[tuple[str, str, int], list[str]] = {}
    for target in summary.targets:
        ended = summary.ended.get(target.name)
        if ended and ended.not_tried:
            first, *others = ended.not_tried
            found.setdefault((first.step.label, first.reason, len(others)), []).append(target.name)
    for (label, reason, more), names in found.items():
        report.folded([("yellow", "⏸️"), ("", printable(f" {label} was not tried: {reason}"))], 3)
        if more:
            report.text(f"   nor {plural(more, 'migration')} after it")
        report.folded(f"   {plural(len(names), 'target')}: {names_in_short(names)}", 5)


def total(summary: Summary) -> list[Line]:
    """Return the counts of all targets, the slowest, and what the logs call the run."""
    counts = Counter(summary.state(target) for target in summary.targets)
    said = [f"{counts[state]:,} {words}" for state, words in WORDS.items() if counts[state]]
    lines: list[Line] = [[("bold", " · ".join(said))]]
    if slow := slowest(summary):
        shown = ", ".join(f"{printable(name)} {ended.duration_ms:,} ms" for name, ended in slow)
        lines.append([("", f"slowest: {shown}")])
    if summary.ended:
        lines.append([("", f"run: {summary.run}")])
    return lines


# -- status ------------------------------------------------------------------------------------------------------------


def status_lines(standings: Mapping[str, Standing]) -> Iterator[Line]:
    """Return the table: a row for each version and what is pending there, with the number of targets."""
    rows: dict[tuple[int, str, str, str], list[str]] = {}
    for name, standing in standings.items():
        mark, what = _what(standing)
        rows.setdefault((standing.number, standing.newest or "nothing executed", mark, what), []).append(name)
    labels = [label if number >= 0 or mark != "❌" else "" for number, label, mark, _ in rows]
    column = max(map(cell_count, labels), default=0)
    counts = {key: plural(len(names), "target") for key, names in rows.items()}
    room = max(map(len, counts.values()), default=0)
    for key in sorted(rows, key=lambda key: (-key[0], key[3])):
        number, label, mark, what = key
        shown = label if number >= 0 or mark != "❌" else ""
        names = "" if mark == "✅" else f": {names_in_short(rows[key])}"
        style = {"✅": "green", "❌": "red"}.get(mark, "yellow")
        gap = " " * (column - cell_count(shown))
        yield [(style, mark), ("", f" {printable(shown)}{gap}   {counts[key]:>{room}}   {what}{names}")]


def _what(standing: Standing) -> tuple[str, str]:
    """Return a mark and words for where a target stands."""
    if standing.error:
        why = "cannot be reached" if standing.is_unreachable else _reason(standing.error)
        return "❌", why
    if standing.attention:
        return "⚠️", ", ".join(f"{count} {state}" for state, count in standing.attention)
    if standing.pending:
        return "⏸️", f"{standing.pending} pending"
    return "✅", "up to date"


def status_total(standings: Mapping[str, Standing]) -> str:
    """Count the targets by where they stand."""
    found = [
        ("up to date", sum(each.is_settled for each in standings.values())),
        ("pending", sum(not each.error and not each.attention and each.pending > 0 for each in standings.values())),
        ("need attention", sum(bool(each.attention) for each in standings.values())),
        ("cannot be reached", sum(each.is_unreachable for each in standings.values())),
        ("cannot be read", sum(bool(each.error) and not each.is_unreachable for each in standings.values())),
    ]
    return " · ".join(f"{count:,} {words}" for words, count in found if count)


def agreement(standings: Mapping[str, Standing]) -> str:
    """Return where all targets stand, if that is one place and up to date; empty if they differ."""
    places = {(each.newest, each.is_settled) for each in standings.values()}
    if len(places) != 1:
        return ""
    ((newest, is_settled),) = places
    return f"all at {newest}, up to date" if newest and is_settled else ""


# -- drift -------------------------------------------------------------------------------------------------------------


def drift_lines(found: Mapping[str, Drifted]) -> Iterator[Line]:
    """Return what was changed by hand: targets with the same changes together."""
    together: dict[tuple[str, ...], list[str]] = {}
    for name, each in found.items():
        if each.changes:
            together.setdefault(each.changes, []).append(name)
    for changes, names in sorted(together.items(), key=lambda each: -len(each[1])):
        yield [("bold", f"{plural(len(names), 'target')}: {names_in_short(names)}")]
        yield from ([("", f"   {printable(change)}")] for change in changes[:_MOST_NAMES])
        if len(changes) > _MOST_NAMES:
            yield [("", f"   and {len(changes) - _MOST_NAMES} more")]
        yield []
