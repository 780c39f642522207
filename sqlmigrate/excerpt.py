"""A place in a file, drawn: the lines around it, with a caret under the words that are meant.

Tabs are drawn as blanks, wide characters take two cells, a line that is wider than the screen is cut around the
place, and control characters cannot reach the terminal.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from .source import Span

_TAB = 4
_ELLIPSIS = "…"
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")

Line = list[tuple[str, str]]  # pieces of (style, text)


def printable(text: str) -> str:
    """Give a text without what would move the cursor, change colours or turn the direction of writing."""
    return _CONTROL.sub("\ufffd", text)


def draw(span: Span, width: int = 100) -> Iterator[Line]:
    """Draw the place with one line before and after it, at most `width` cells wide."""
    first = max(1, span.line - 1)
    last = min(span.source.line_count, span.line + 1)
    gutter = len(str(last))
    room = max(20, width - gutter - 5)
    blank: Line = [("dim", " " * (gutter + 2) + "│")]
    yield [("dim", " " * (gutter + 1) + "──▶ "), ("bold", str(span))]
    yield blank
    window = _window(span, room)
    for number in range(first, last + 1):
        text = (
            _cut(_cells(span.source.line(number)), *window)
            if number == span.line
            else _cut(_cells(span.source.line(number)), 0, room)
        )
        yield [("dim", f" {number:>{gutter}} │ "), ("", text)] if text else [("dim", f" {number:>{gutter}} │")]
        if number == span.line:
            yield [*blank, ("bold red", " " + _caret(span, window))]
    yield blank


def _cells(text: str) -> list[str]:
    """Give a text as cells: a tab is four blanks or fewer, a wide character is followed by an empty cell."""
    from rich.cells import cell_len  # noqa: PLC0415 - only where an error is drawn

    cells: list[str] = []
    for character in text:
        if character == "\t":
            cells += " " * (_TAB - len(cells) % _TAB)
            continue
        shown = printable(character)
        size = cell_len(shown)
        if size == 0 and cells:
            cells[-1] += shown
        else:
            cells += [shown, *[""] * (size - 1)]
    return cells


def _extent(span: Span) -> tuple[int, int]:
    """Give the cells, from and to, that the place takes in its line."""
    line = span.source.line(span.line)
    start = len(_cells(line[: span.column - 1]))
    end = len(_cells(line[: span.column - 1 + span.end - span.start]))
    return start, max(end, start + 1)


def _window(span: Span, room: int) -> tuple[int, int]:
    """Give the cells, from and to, that are shown of the line of the place."""
    start, _ = _extent(span)
    total = len(_cells(span.source.line(span.line)))
    if total <= room:
        return 0, max(total, room)
    left = max(0, min(start - room // 3, total - room))
    return left, left + room


def _cut(cells: list[str], left: int, right: int) -> str:
    shown = cells[left:right]
    if left and shown:
        shown[0] = _ELLIPSIS
    if right < len(cells) and shown:
        shown[-1] = _ELLIPSIS
    return "".join(shown).rstrip()


def _caret(span: Span, window: tuple[int, int]) -> str:
    start, end = _extent(span)
    left, right = window
    return " " * (start - left) + "^" * (min(end, right) - start)
