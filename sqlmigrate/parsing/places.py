"""Tells what is at a place of a text that is split: a comment, a string, data of a COPY, or SQL itself."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from typing import Literal

from sqlmigrate.source import Source

from .comments import comments
from .statement import Statement
from .tokens import tokens

PlaceKind = Literal["sql", "quoted name", "string", "body", "data", "line comment", "block comment"]


class Places:
    """The places of one text.

    Only the statements that are asked for are read to their tokens: asking is cheap for a text with few suspicious
    places.
    """

    def __init__(self, source: Source, statements: Sequence[Statement]) -> None:
        self._source = source
        self._statements = statements
        self._starts = [statement.start for statement in statements]
        # The statement that was read last, by its number: where its tokens begin, and their kinds.
        self._read: tuple[int, list[int], list[PlaceKind]] = (-1, [], [])

    def kind(self, offset: int) -> PlaceKind:
        """Return what is at an offset; white space counts as SQL."""
        index = bisect_right(self._starts, offset) - 1
        if index >= 0 and offset < self._statements[index].end:
            return self._in_statement(index, offset)
        if index >= 0 and (data := self._statements[index].data) and data.start <= offset < data.end:
            return "data"
        return self._between(index, offset)

    def statement(self, offset: int) -> Statement | None:
        """Return the statement that an offset is in; None between two of them, and in data."""
        index = bisect_right(self._starts, offset) - 1
        return self._statements[index] if index >= 0 and offset < self._statements[index].end else None

    def after(self, offset: int) -> Sequence[Statement]:
        """Return the statements after an offset; the one that the offset is in counts as after it."""
        index = bisect_right(self._starts, offset) - 1
        is_inside = index >= 0 and offset < self._statements[index].end
        return self._statements[index if is_inside else index + 1 :]

    def _between(self, index: int, offset: int) -> PlaceKind:
        start, end = 0, len(self._source.text)
        if index >= 0:
            before = self._statements[index]
            start = before.data.end if before.data else before.end
        if index + 1 < len(self._statements):
            end = self._starts[index + 1]
        for begin, comment in comments(self._source.text, start, end):
            if begin <= offset < begin + len(comment):
                return _comment(comment)
        return "sql"

    def _in_statement(self, index: int, offset: int) -> PlaceKind:
        statement = self._statements[index]
        if self._read[0] != index:
            found = [(start, _kind(kind, text)) for kind, start, text in tokens(statement.text)]
            self._read = index, [start for start, _ in found], [kind for _, kind in found]
        _, starts, kinds = self._read
        return kinds[bisect_right(starts, offset - statement.start) - 1]


def _comment(text: str) -> PlaceKind:
    return "line comment" if text.startswith("--") else "block comment"


def _kind(kind: str, text: str) -> PlaceKind:
    if kind == "comment":
        return _comment(text)
    if kind in ("string", "body"):
        return "string" if kind == "string" else "body"
    return "quoted name" if text.endswith('"') else "sql"
