"""One statement of a source: its place, its text, and what it is."""

from __future__ import annotations

from functools import cached_property
from typing import ClassVar, NamedTuple

from sqlmigrate.source import OnDisk, Source, Span

from . import classify


class _Place(NamedTuple):
    """The fields of a `Statement`, in a class of their own: a named tuple itself cannot keep computed values."""

    source: Source
    start: int
    end: int
    line: int
    data: Span | None = None


class Statement(_Place):
    r"""One statement of a source, without its ``;``. It is a view: it holds no text of its own.

    It neither begins nor ends with white space or a comment. Whether it is plain says its class: a field would take
    memory for each of a million INSERTs.

    Attributes:
        source: The source it is a part of.
        start: The offset of its first character.
        end: The offset after its last character.
        line: The line of its first character, from 1.
        data: What is sent for a ``COPY … FROM stdin``: the lines below it, up to (not including) the line ``\.``. It is
            empty if the data stay `on_disk`.
        plain: What it is if its first word is enough to know, as of an ``INSERT``; None for all others.

    """

    plain: ClassVar[classify.StatementKind | None] = None

    @property
    def text(self) -> str:
        """What is executed, as written in the source."""
        return self.source.text[self.start : self.end]

    @property
    def span(self) -> Span:
        """The place in the source."""
        return Span(self.source, self.start, self.end)

    @property
    def on_disk(self) -> OnDisk | None:
        """The data of a COPY that stay on disk; None for all other statements."""
        return self.source.on_disk_at(self.data.start) if self.data and self.source.on_disk else None

    @property
    def kind(self) -> classify.StatementKind:
        """What the statement is. Computed at the first use, so that splitting does not pay for it."""
        return self.plain or self._kind

    @cached_property
    def _kind(self) -> classify.StatementKind:
        return classify.classify(self._head)

    @property
    def _head(self) -> str:
        return self.source.text[self.start : min(self.end, self.start + classify.HEAD_LENGTH)]

    @property
    def object_name(self) -> str | None:
        """The name of the object that it works on, as written; None if it names none."""
        kind = self.kind
        return classify.object_name(self._head) if kind.is_plain else kind.object_name

    @property
    def title(self) -> str:
        """A short name for messages: ``CREATE INDEX orders_customer``."""
        return " ".join(filter(None, (self.kind.verb, self.object_name)))


_PLAIN: dict[str, type[Statement]] = {
    kind.verb: type("Statement", (Statement,), {"__slots__": (), "plain": kind}) for kind in classify.PLAIN_KINDS
}


def class_at(text: str, start: int) -> type[Statement]:
    """Return the class of the statement that begins at `start`: that of its first word if it is plain."""
    plain = classify.PLAIN.match(text, start)
    return _PLAIN[plain[0].upper()] if plain else Statement
