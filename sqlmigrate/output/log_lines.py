"""The history's log as lines: the mark, the time, what was done to which migration, by whom."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from sqlmigrate.history.log import LogEntry
from sqlmigrate.times import moment

from .excerpt import Line, cell_count, printable
from .status_lines import label_column
from .wrapping import folded

_AFTER_ACTION, _INDENT = 38, 3
_MARKS = {
    "up": ("✅", "green"), "down": ("↩️", "green"), "failure": ("❌", "red"), "repair": ("🔧", "yellow"),
    "baseline": ("✅", "green"), "adopt": ("✅", "green"), "fold": ("✅", "green"),
}  # fmt: skip

# The lines of an entry. All entries have the first shape that fits.
_HEAD, _NAME, _BELOW = "{mark} {when}  {action:<8}", "  {label:<{width}}", " " * _AFTER_ACTION
_SHAPES = (
    (_HEAD + _NAME + "  {duration:>9}  {who}",),
    (_HEAD + _NAME + "  {duration:>9}", _BELOW + "{who}"),
    (_HEAD + _NAME, _BELOW + "{spent}{who}"),
    (_HEAD, "   {label}", "   {spent}{who}"),
)


def log_lines(entries: Sequence[LogEntry], room: int | None) -> Iterator[Line]:
    """Return the entries in their order; where one is wider than `room` cells, all are broken at the same places.

    If `room` is None, no line is broken.
    """
    width = label_column(map(_label, entries))
    shape = next(shape for shape in _SHAPES if shape is _SHAPES[-1] or _fits(shape, entries, width, room))
    for entry in entries:
        mark, style = _MARKS[entry.action]
        first, *others = _parts(shape, entry, width)
        yield from folded([(style, mark), ("", first.removeprefix(mark))], room, _INDENT)
        for part in others:
            yield from folded([("", part)], room, _INDENT)
        if entry.detail:
            yield from folded([("dim", f"   {printable(entry.detail.splitlines()[0])}")], room, _INDENT)


def _fits(shape: Sequence[str], entries: Sequence[LogEntry], width: int, room: int | None) -> bool:
    """Tell whether every line of every entry fits; names that would not fit in any shape are left out."""
    return room is None or all(
        cell_count(part) <= room
        for entry in entries
        if cell_count(_label(entry)) + _INDENT <= room
        for part in _parts(shape, entry, width)
    )


def _parts(shape: Sequence[str], entry: LogEntry, width: int) -> list[str]:
    """Return the lines of an entry in this shape."""
    duration = f"{entry.duration_ms:,} ms" if entry.duration_ms is not None else ""
    values = {
        "mark": _MARKS[entry.action][0],
        "when": moment(entry.logged_at),
        "action": entry.action,
        "label": _label(entry),
        "width": width,
        "duration": duration,
        "spent": f"{duration}  " if duration else "",
        "who": _who(entry),
    }
    return [line.format_map(values).rstrip() for line in shape]


def _who(entry: LogEntry) -> str:
    """Say who called it, where, and in which run: entries of one run have the same."""
    where = f" from {entry.host}" if entry.host else ""
    return f"{entry.executed_by}{where}{f', run {entry.run}' if entry.run else ''}"


def _label(entry: LogEntry) -> str:
    return f"{entry.version}_{entry.name}"
