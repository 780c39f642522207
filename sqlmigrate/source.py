"""A text, and places in it: line, column, the words there.

The first module of the corridor: it imports nothing of ours. Everything that is ever said about a file points
through a `Span` of its `Source`; nobody else does arithmetic with offsets.

Offsets count characters from 0, lines and columns from 1. A line ends at LF, CRLF or a lone CR, as in PostgreSQL's
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
    """The text of one file as it is on disk (only a byte order mark is dropped), and the path to show for it."""

    path: str
    text: str

    @cached_property
    def _line_starts(self) -> list[int]:
        return [0, *(end.end() for end in _LINE_END.finditer(self.text))]

    def place(self, offset: int) -> tuple[int, int]:
        """Give the line and the column, both from 1, of the character at `offset` (the text's end included)."""
        index = bisect_right(self._line_starts, offset) - 1
        return index + 1, offset - self._line_starts[index] + 1

    @property
    def line_count(self) -> int:
        """How many lines there are; an empty text has one, and so has what stands behind the last line end."""
        return len(self._line_starts)

    def line(self, number: int) -> str:
        """Give line `number` (from 1) without its line end."""
        start = self._line_starts[number - 1]
        end = self._line_starts[number] if number < self.line_count else len(self.text)
        return self.text[start:end].rstrip("\r\n")

    def span(self, start: int, end: int | None = None) -> Span:
        """Give the span from `start` up to `end`; without `end`, the word that begins at `start`."""
        if end is None:
            word = _WORD.match(self.text, start)
            end = word.end() if word else min(start + 1, len(self.text))
        return Span(self, start, end)


@dataclass(frozen=True)
class Span:
    """A stretch of a source, from `start` up to (not including) `end`."""

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
