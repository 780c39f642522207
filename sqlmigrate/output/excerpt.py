"""Draws a place in a file: the lines around it, with carets under its characters.

A tab is drawn as blanks, a wide character takes two cells, a line wider than the screen is cut around the place, and
control characters do not reach the terminal.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from sqlmigrate.source import Span

_TAB = 4
_NOT_ASCII = re.compile(r"[^\x00-\x7f]+")
_ELLIPSIS = "…"
_JOINER, _EMOJI_STYLE = "\u200d", "\ufe0f"
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]")

Line = list[tuple[str, str]]  # pieces of (style, text)


def printable(text: str) -> str:
    """Return a text without the characters that move the cursor, change colours or reverse the direction of writing."""
    return _CONTROL.sub("\ufffd", text)


def draw(span: Span, width: int = 100) -> Iterator[Line]:
    """Draw the place with one line before and after it, at most `width` cells wide."""
    first = max(1, span.line - 1)
    last = min(span.source.line_count, span.line + 1)
    if last > span.line and last == span.source.line_count and not span.source.line(last):
        last -= 1  # nothing comes after the last line end
    gutter = len(str(last))
    room = max(20, width - gutter - 5)
    blank: Line = [("dim", " " * (gutter + 2) + "│")]
    yield [("dim", " " * (gutter + 1) + "──▶ "), ("bold", str(span))]
    yield blank
    for number in range(first, last + 1):
        shown, caret = _shown(span, room) if number == span.line else (fitted(span.source.line(number), room), "")
        yield [("dim", f" {number:>{gutter}} │ "), ("", shown)] if shown else [("dim", f" {number:>{gutter}} │")]
        if caret:
            yield [*blank, ("bold red", " " + caret)]
    yield blank


def _shown(span: Span, room: int) -> tuple[str, str]:
    """Return the line of the place, cut around it, and the line with the carets below it."""
    line, column = span.source.line(span.line), span.column - 1
    skipped = max(0, column - 2 * room)  # only the part of a very long line that is near the place is needed
    before, after = line[skipped:column], line[column : column + 2 * room]
    cells = _cells(before + after)
    start = len(_cells(before))
    end = max(len(_cells(before + after[: span.end - span.start])), start + 1)
    rest = len(line) - column - len(after)
    left = 0
    if skipped or rest or len(cells) > room:
        left = max(0, min(start - room // 3, len(cells) - room))
    shown = cells[left : left + room]
    if left or skipped:
        _ellipsize(shown, 0)
    if rest or left + room < len(cells):
        _ellipsize(shown, -1)
    return "".join(shown).rstrip(), " " * (start - left) + "^" * (min(end, left + room) - start)


def fitted(line: str, room: int) -> str:
    """Return as much of a line as fits into `room` cells, with an ellipsis where it is cut."""
    cells = _cells(line[: 2 * room])
    shown = cells[:room]
    if len(shown) < len(cells) or len(line) > 2 * room:
        _ellipsize(shown, -1)
    return "".join(shown).rstrip()


def cell_count(text: str) -> int:
    """Return the width of a text in cells."""
    wide = "".join(_NOT_ASCII.findall(text))
    return len(text) - len(wide) + (len(_cells(wide)) if wide else 0)


def _ellipsize(cells: list[str], index: int) -> None:
    """Replace a cell by an ellipsis; the other half of a wide character becomes a blank."""
    if index == 0 and len(cells) > 1 and cells[1] == "":
        cells[1] = " "
    if index and cells[index] == "" and len(cells) > 1:
        cells[index - 1] = " "
    cells[index] = _ELLIPSIS


def _cells(text: str) -> list[str]:
    """Return a text as cells: a tab is up to four blanks, a wide character is followed by an empty cell."""
    from rich.cells import cell_len  # noqa: PLC0415 - only where an error is drawn

    cells: list[str] = []
    base, is_joined = 0, False
    for character in text:
        if character == "\t":
            cells += " " * (_TAB - len(cells) % _TAB)
            base = len(cells) - 1
            continue
        shown = printable(character)
        size = cell_len(shown)
        if cells and (size == 0 or is_joined):  # an accent, or a part of an emoji such as a family
            cells[base] += shown
            if character == _EMOJI_STYLE and base == len(cells) - 1 and not cells[base][0].isspace():
                cells.append("")
        else:
            base = len(cells)
            cells += [shown, *[""] * (size - 1)]
        is_joined = character == _JOINER
    return cells
