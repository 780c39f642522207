"""The history's log as lines: the mark, the time, what was done to which migration, by whom."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from sqlmigrate.history.log import LogEntry
from sqlmigrate.times import moment

from .excerpt import Line, printable
from .status_lines import label_column
from .wrapping import folded

_AFTER_ACTION, _DURATION_WIDTH, _NARROWEST_LABEL = 38, 13, 10
_MARKS = {
    "up": ("✅", "green"), "down": ("↩️", "green"), "failure": ("❌", "red"), "repair": ("🔧", "yellow"),
    "baseline": ("✅", "green"),
}  # fmt: skip


def log_lines(entries: Sequence[LogEntry], room: int | None) -> Iterator[Line]:
    """Return the entries in their order, folded to `room` cells (None: no terminal)."""
    width = label_column(map(_label, entries))
    if room:
        width = min(width, max(_NARROWEST_LABEL, room - _AFTER_ACTION - _DURATION_WIDTH))
    for entry in entries:
        duration = f"{entry.duration_ms:,} ms" if entry.duration_ms is not None else ""
        who = f"{entry.executed_by} from {entry.host}" if entry.host else entry.executed_by
        did = f" {moment(entry.logged_at)}  {entry.action:<8}  {_label(entry):<{width}}  {duration:>9}  {who}"
        mark, style = _MARKS[entry.action]
        yield from folded([(style, mark), ("", did)], room, _AFTER_ACTION)
        if entry.detail:
            yield from folded([("dim", f"   {printable(entry.detail.splitlines()[0])}")], room, 3)


def _label(entry: LogEntry) -> str:
    return f"{entry.version}_{entry.name}"
