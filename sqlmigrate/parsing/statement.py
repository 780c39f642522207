"""One statement of a source: its place, its text, and what it is."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cached_property
from typing import NamedTuple

from sqlmigrate.source import Source, Span

from . import classify


class _Place(NamedTuple):
    """The fields of a `Statement`, in a class of their own: a named tuple itself cannot keep computed values."""

    source: Source
    start: int
    end: int
    line: int
    data: Span | None = None


_MANY = 100


def may_say(words: re.Pattern[str], statements: Sequence[Statement]) -> bool:
    """Return whether a look at each statement of a file may find what contains these words, in lower case.

    Of many statements the text is searched first: that takes less time than reading the kind of each.
    """
    return len(statements) < _MANY or words.search(statements[0].source.text.lower()) is not None


class Statement(_Place):
    r"""One statement of a source, without its ``;``. It is a view: it holds no text of its own.

    It neither begins nor ends with white space or a comment.

    Attributes:
        source: The source it is a part of.
        start: The offset of its first character.
        end: The offset after its last character.
        line: The line of its first character, from 1.
        data: What is sent for a ``COPY … FROM stdin``: the lines below it, up to (not including) the line ``\.``.


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
    def kind(self) -> classify.StatementKind:
        """What the statement is. Computed at the first use, so that splitting does not pay for it."""
        return classify.plain_kind(self.source.text, self.start) or self._kind  # keeps nothing for each INSERT

    @cached_property
    def _kind(self) -> classify.StatementKind:
        return classify.classify(self._head)

    @property
    def _head(self) -> str:
        return self.source.text[self.start : min(self.end, self.start + classify.HEAD_LENGTH)]

    @property
    def object_name(self) -> str | None:
        """The name of the object that it works on, as written; None if it names none."""
        return classify.object_name(self._head)

    @property
    def title(self) -> str:
        """A short name for messages: ``CREATE INDEX orders_customer``."""
        return " ".join(filter(None, (self.kind.verb, self.object_name)))
