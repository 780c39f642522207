"""One statement of a source: its place, its text, and what it is."""

from __future__ import annotations

from functools import cached_property
from typing import NamedTuple

from sqlmigrate.source import Source, Span

from . import classify


class _Place(NamedTuple):
    """The fields of a `Statement`. A class of its own because a named tuple cannot keep what it has computed."""

    source: Source
    start: int
    end: int
    line: int
    data: Span | None = None


class Statement(_Place):
    r"""One statement of a source, without its ``;``: a view that holds no text of its own.

    It neither begins nor ends with white space or a comment.

    Attributes:
        source: the source it is a part of
        start: the offset of its first character
        end: the offset behind its last character
        line: the line it begins in, from 1
        data: what a ``COPY … FROM stdin`` sends: the lines below it, up to (not including) the line ``\.``

    """

    @property
    def text(self) -> str:
        """What is executed, as written in the source."""
        return self.source.text[self.start : self.end]

    @property
    def span(self) -> Span:
        """The place in the source."""
        return Span(self.source, self.start, self.end)

    @property
    def kind(self) -> classify.Kind:
        """What the statement is: computed when it is first asked for, so that splitting does not pay for it."""
        return classify.plain_kind(self.source.text, self.start) or self._kind  # of 100,000 INSERTs, nothing is kept

    @cached_property
    def _kind(self) -> classify.Kind:
        return classify.classify(self._head)

    @property
    def _head(self) -> str:
        return self.source.text[self.start : min(self.end, self.start + classify.HEAD_LENGTH)]

    @property
    def object_name(self) -> str | None:
        """The name of what the statement works on, as written; None if it names nothing."""
        return classify.object_name(self._head)

    @property
    def title(self) -> str:
        """A short name for messages: ``CREATE INDEX orders_customer``."""
        return " ".join(filter(None, (self.kind.verb, self.object_name)))
