"""The text of a file, and places in it: line, column, and the words at a place.

Every message about a file points to a `Span` of its `Source`. No other module converts offsets to lines and columns.

Offsets count characters from 0, lines and columns from 1. A line ends at LF, CRLF or a single CR, as in PostgreSQL's
own ``LINE n:`` (``reportErrorPosition`` in ``libpq/fe-protocol3.c``) and as its lexer ends a ``--`` comment.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from dataclasses import dataclass
from functools import cached_property

BYTE_ORDER_MARK = "\ufeff"
_LINE_END = re.compile(r"\r\n|\n|\r")
_WORD = re.compile(r'"(?:[^"\n]|"")*"|\'(?:[^\'\n]|\'\')*\'|\w[\w$]*')


@dataclass(frozen=True)
class Source:
    """The text of one file as it is on disk (without a byte order mark), and the path to show for it."""

    path: str
    text: str

    @cached_property
    def _line_starts(self) -> list[int]:
        return [0, *(end.end() for end in _LINE_END.finditer(self.text))]

    def place(self, offset: int) -> tuple[int, int]:
        """Return the line and the column, both from 1, of the character at `offset`, or of the end of the text."""
        index = bisect_right(self._line_starts, offset) - 1
        return index + 1, offset - self._line_starts[index] + 1

    @property
    def line_count(self) -> int:
        """The number of lines. An empty text has one line, and so has the text after the last line end."""
        return len(self._line_starts)

    def line(self, number: int) -> str:
        """Return line `number` (from 1) without its line end."""
        start = self._line_starts[number - 1]
        end = self._line_starts[number] if number < self.line_count else len(self.text)
        return self.text[start:end].rstrip("\r\n")

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
