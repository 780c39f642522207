"""The text of a file, and places in it: line, column, and the words at a place.

Every message about a file points to a `Span` of its `Source`. No other module converts offsets to lines and columns.

Offsets count characters from 0, lines and columns from 1. A line ends at LF, CRLF or a single CR, as in PostgreSQL's
own ``LINE n:`` (``reportErrorPosition`` in ``libpq/fe-protocol3.c``) and as its lexer ends a ``--`` comment.

Of a large file, the data of its COPYs may stay on disk. They are not in the text, and offsets count as if they were not
in the file; lines count them.
"""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from dataclasses import dataclass
from functools import cached_property
from operator import attrgetter

BYTE_ORDER_MARK = "\ufeff"
LINE_END = re.compile(r"\r\n|\n|\r")
_WORD = re.compile(r'"(?:[^"\n]|"")*"|\'(?:[^\'\n]|\'\')*\'|\w[\w$]*')


@dataclass(frozen=True)
class OnDisk:
    r"""The data of a ``COPY`` that stay on disk: all lines below it, up to (not including) the line ``\.``.

    Attributes:
        offset: Where they would be in the text of the source.
        start: The offset of their first byte in the file.
        size: How many bytes they have.
        lines: How many lines.
        is_ascii: Whether all of their characters are ASCII.
        checksum: The SHA-256 of their bytes, as 64 hexadecimal digits.
    """

    offset: int
    start: int
    size: int
    lines: int
    is_ascii: bool
    checksum: str


@dataclass(frozen=True)
class Source:
    """The text of one file (without a byte order mark), and the path to show for it.

    Attributes:
        path: The path.
        text: The text as it is on disk, without what stays there.
        on_disk: The data that are not in the text, in their order; only a large file has some.
        checksum: The checksum of the whole file, if it was computed when the file was read; else empty.
    """

    path: str
    text: str
    on_disk: tuple[OnDisk, ...] = ()
    checksum: str = ""

    @cached_property
    def _line_starts(self) -> list[int]:
        return [0, *(end.end() for end in LINE_END.finditer(self.text))]

    def place(self, offset: int) -> tuple[int, int]:
        """Return the line and the column, both from 1, of the character at `offset`, or of the end of the text."""
        index = bisect_right(self._line_starts, offset) - 1
        on_disk = sum(each.lines for each in self.on_disk if each.offset <= offset)
        return index + 1 + on_disk, offset - self._line_starts[index] + 1

    @property
    def line_count(self) -> int:
        """The number of lines. An empty text has one line, and so has the text after the last line end."""
        return len(self._line_starts) + sum(each.lines for each in self.on_disk)

    def line(self, number: int) -> str:
        """Return line `number` (from 1) without its line end; an ellipsis for one that stays on disk."""
        index = number - 1
        for each in self.on_disk:
            first = bisect_right(self._line_starts, each.offset) - 1  # the line behind the data
            if index >= first:
                if index < first + each.lines:
                    return "…"
                index -= each.lines
        start = self._line_starts[index]
        end = self._line_starts[index + 1] if index + 1 < len(self._line_starts) else len(self.text)
        return self.text[start:end].rstrip("\r\n")

    def on_disk_at(self, offset: int) -> OnDisk | None:
        """Return the data at `offset` that stay on disk; None if there are none."""
        index = bisect_left(self.on_disk, offset, key=attrgetter("offset"))
        found = self.on_disk[index] if index < len(self.on_disk) else None
        return found if found and found.offset == offset else None

    def span(self, start: int, end: int | None = None) -> Span:
        """Return the span from `start` up to (not including) `end`; without `end`, of the word at `start`."""
        if end is None:
            word = _WORD.match(self.text, start)
            end = word.end() if word else min(start + 1, len(self.text))
        return Span(self, start, end)


@dataclass(frozen=True)
class Span:
    """A part of a source, from `start` up to (not including) `end`."""

    source: Source
    start: int
    end: int

    @property
    def text(self) -> str:
        """The characters of the span."""
        return self.source.text[self.start : self.end]

    @property
    def line(self) -> int:
        """The line of the first character, from 1."""
        return self.source.place(self.start)[0]

    @property
    def column(self) -> int:
        """The column of the first character in its line, in characters, from 1."""
        return self.source.place(self.start)[1]

    @property
    def end_line(self) -> int:
        """The line of the last character, from 1."""
        return self.source.place(max(self.start, self.end - 1))[0]

    def __str__(self) -> str:
        return f"{self.source.path}:{self.line}:{self.column}"
