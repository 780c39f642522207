"""Cuts a file that holds both directions at its markers, without changing a byte of what is between them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from sqlmigrate.source import Source, Span

_LINE = re.compile(r"[^\r\n]*(?:\r\n|\n|\r|\Z)")


@dataclass(frozen=True)
class Section:
    """A part of a file.

    Attributes:
        marker: The line that begins it, without its line end; None for what is above the first marker.
        text: The lines below the marker, up to the next one.
    """

    marker: Span | None
    text: str


def lines(source: Source) -> Iterator[Span]:
    """Yield every line of a file with its line end."""
    at = 0
    while at < len(source.text):
        found = _LINE.match(source.text, at)
        if found is None:
            raise AssertionError("a line matches everywhere")
        yield Span(source, at, found.end())
        at = found.end()


def cut(source: Source, marker: re.Pattern[str]) -> list[Section]:
    """Cut a file at the lines that `marker` matches from their beginning."""
    found: list[Section] = []
    start, mark = 0, None
    for line in lines(source):
        if marker.match(line.text):
            found.append(Section(mark, source.text[start : line.start]))
            mark = source.span(line.start, line.start + len(line.text.rstrip("\r\n")))
            start = line.end
    found.append(Section(mark, source.text[start:]))
    return found
