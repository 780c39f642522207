"""Migrations as lines of `status`: the mark, the name, what is said of it, and the counts below."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

from sqlmigrate.plan.rows import Row

from .excerpt import Line, printable
from .json_values import ATTENTION
from .wrapping import folded, line_width

_MARKS = {
    "executed": ("✅", "green"), "baseline": ("✅", "green"), "pending": ("⏸️", "yellow"), "failed": ("❌", "red"),
    "changed": ("⚠️", "yellow"), "missing": ("⚠️", "yellow"), "out of order": ("⚠️", "yellow"),
}  # fmt: skip
_NARROWEST_LABEL, _WIDEST_LABEL = 10, 60
_SAID_WIDTH = 40  # what is left for what is said of a migration, where lines have to be folded


def label_column(labels: Iterable[str]) -> int:
    """Give the width of the column of names: the longest decides, unless it is very long."""
    return max((len(label) for label in labels if len(label) <= _WIDEST_LABEL), default=0)


def local(time: datetime | None) -> str:
    """Give a time as it is shown, by the clock of the machine, to the second."""
    return time.astimezone().isoformat(" ", "seconds")[:19] if time else ""


_SAID = {
    "executed": "executed {when} {duration}",
    "baseline": "baseline {when}",
    "pending": "pending",
    "out of order": "pending, out of order: a later one is executed already",
    "changed": "executed {when} {duration}  changed since",
    "missing": "executed {when} {duration}  missing: there is no such file",
}


def row_lines(rows: Sequence[Row], run: str | None, room: int | None) -> list[Line]:
    """Give a line a migration, folded where one is wider than `room`; `run` is who executes at this moment."""
    width = label_column(row.label for row in rows)
    lines = [_row_line(row, width, run) for row in rows]
    if room is None or all(line_width(line) <= room for line in lines):
        return lines
    width = min(width, max(_NARROWEST_LABEL, room - _SAID_WIDTH - 6))
    return [part for row in rows for part in folded(_row_line(row, width, run), room, 3 + width + 3)]


def _row_line(row: Row, width: int, run: str | None) -> Line:
    execution = row.execution
    is_under_way = execution is not None and execution.status == "running" and run is not None
    mark, style = ("⏳", "yellow") if is_under_way else _MARKS[row.state]
    when = local(execution.executed_at) if execution else ""
    duration = f"{execution.duration_ms:>7,} ms" if execution and execution.duration_ms is not None else ""
    if row.state == "failed" or (row.state == "missing" and not row.is_executed):
        said = _failed_words(row, when, run)
    else:
        said = _SAID[row.state].format(when=when, duration=duration)
    return [(style, mark), ("", f" {row.label:<{width}}   "), ("" if row.state == "executed" else style, said.rstrip())]


def _failed_words(row: Row, when: str, run: str | None) -> str:
    execution = row.execution
    if execution is None:
        return "failed"
    said = f"failed   {when}"
    if execution.status == "running":
        said = f"begun    {when}  " + (f"under way ({run})" if run else "interrupted")
    if execution.statements_done:
        said += f"  after statement {execution.statements_done} of {execution.statements}"
    said += "  missing: there is no such file" if row.state == "missing" else ""
    return said + (f"  {printable(execution.error.splitlines()[0])}" if execution.error else "")


def totals(rows: Sequence[Row]) -> list[str]:
    """Give the counts, each a part that is not to be cut."""
    counts = [("Total", len(rows)), ("Executed", sum(row.is_executed for row in rows))]
    counts.append(("Pending", sum(row.is_pending for row in rows)))
    for name in ATTENTION:
        count = sum(row.state == name for row in rows)
        counts += [(name.capitalize(), count)] if count else []
    *others, last = (f"{name}: {count:,}" for name, count in counts)
    return [*(f"{each} | " for each in others), last]
