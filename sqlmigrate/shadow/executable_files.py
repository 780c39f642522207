"""Makes the merged files executable on a shadow, as well as it can be done: old files are not judged.

A merged file was executed long ago, by an older version or by another tool. What today's checks refuse in it must not
keep new migrations from being reviewed: it is taken out of the copy that the shadow executes.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from itertools import groupby

from sqlmigrate.errors import Kind, MigrationError
from sqlmigrate.files.migration import Migration
from sqlmigrate.parsing.script import read
from sqlmigrate.parsing.splitter import split
from sqlmigrate.parsing.statement import Statement
from sqlmigrate.source import Source, Span

_MOST_TRIES = 1000  # parts that are taken out of one file
# https://www.postgresql.org/docs/current/sql-createindex.html: the index is the same without it
_CONCURRENTLY = re.compile(r"\bconcurrently\b", re.IGNORECASE)
_WITHOUT_EFFECT = re.compile(r"\s*(?:vacuum|analyze|checkpoint|discard|reindex|cluster)\b", re.IGNORECASE)


@dataclass(frozen=True)
class LeftOut:
    """A part of a merged file that the base does not have.

    Attributes:
        label: The migration.
        reason: Which part, and why.
    """

    label: str
    reason: str


@dataclass(frozen=True)
class BaseFiles:
    """The merged migrations as the shadow executes them.

    Attributes:
        migrations: The migrations, each with a version of its own and without faults.
        mended: The labels of those whose text is not that of the file.
        left_out: What was left out of them.
    """

    migrations: tuple[Migration, ...]
    mended: frozenset[str]
    left_out: tuple[LeftOut, ...]

    def without(self, label: str, reason: str) -> BaseFiles:
        """Return the same without one migration."""
        kept = tuple(each for each in self.migrations if each.label != label)
        return replace(self, migrations=kept, left_out=(*self.left_out, LeftOut(label, reason)))


def as_they_are(migrations: Sequence[Migration]) -> BaseFiles:
    """Return the migrations without a change."""
    return BaseFiles(tuple(migrations), frozenset(), ())


def executable(migrations: Sequence[Migration]) -> BaseFiles:
    """Return the migrations as they can be executed, and what had to be left out."""
    found: list[Migration] = []
    mended: set[str] = set()
    left_out: list[LeftOut] = []
    for migration in _one_of_each_version(migrations):
        text, reasons = _mended(migration.up) if migration.is_read else (None, ["its file cannot be read"])
        left_out += [LeftOut(migration.label, reason) for reason in reasons]
        if text is None:
            continue
        if text != migration.up.text:
            mended.add(migration.label)
        up = Source(migration.up.path, text)
        found.append(replace(migration, up=up, down=None, faults=(), down_faults=()))
    return BaseFiles(tuple(found), frozenset(mended), tuple(left_out))


def _one_of_each_version(migrations: Sequence[Migration]) -> Iterator[Migration]:
    """Yield the migrations; several of one version become one, with their texts one after the other."""
    for _, group in groupby(migrations, key=lambda each: each.number):
        first, *others = group
        text = "\n;\n".join([first.up.text, *(each.up.text for each in others)])
        yield replace(first, up=Source(first.up.path, text)) if others else first


def _mended(source: Source) -> tuple[str | None, list[str]]:
    """Return a text that can be executed, and what was left out; None if nothing of it can be."""
    reasons: list[str] = []
    for _ in range(_MOST_TRIES):
        try:
            read(source)
        except MigrationError as error:
            text, reason = _without(source, error)
            if text == source.text:
                return None, [*reasons, error.message]
            reasons += [reason] if reason else []
            source = Source(source.path, text)
        else:
            return source.text, reasons
    return None, [*reasons, "too much of it cannot be executed"]


def _without(source: Source, error: MigrationError) -> tuple[str, str]:
    """Return the text without the fault, of the same length; and which part of the schema may be missing now."""
    span = error.span
    if span is None:
        return source.text, error.message
    if error.kind is Kind.BOTH_DIRECTIONS:
        return _blank(source.text, span.start, len(source.text)), ""
    if source.line(span.line).lstrip().startswith("--"):
        return _blank(source.text, *_line(source, span)), ""
    statement = _statement_at(source, span)
    if error.kind is Kind.TRANSACTION_CONTROL and statement:
        return _blank(source.text, statement.start, statement.end), ""
    if error.kind is Kind.OUTSIDE_TRANSACTION and statement:
        return _in_a_transaction(source.text, statement)
    start, end = (statement.start, statement.end) if statement else _line(source, span)
    return _blank(source.text, start, end), f"line {span.line}: {error.message}"


def _in_a_transaction(text: str, statement: Statement) -> tuple[str, str]:
    """Return the text with a statement that a transaction allows: an index without CONCURRENTLY."""
    own = text[statement.start : statement.end]
    if found := _CONCURRENTLY.search(own):
        start = statement.start + found.start()
        return _blank(text, start, start + len(found[0])), ""
    is_harmless = _WITHOUT_EFFECT.match(own)
    first = " ".join(own.split()[:3])
    line = statement.span.line
    said = "" if is_harmless else f"line {line}: `{first} …` cannot run in a transaction"
    return _blank(text, statement.start, statement.end), said


def _statement_at(source: Source, span: Span) -> Statement | None:
    with suppress(MigrationError):  # the fault is that the text cannot be cut
        return next((each for each in split(source) if each.start <= span.start < max(each.end, each.start + 1)), None)
    return None


def _line(source: Source, span: Span) -> tuple[int, int]:
    """Return where the lines of a span begin and end."""
    start = span.start - span.column + 1
    return start, max(span.end, start + len(source.line(span.line)))


def _blank(text: str, start: int, end: int) -> str:
    """Replace a part by blanks; lines and offsets stay."""
    return text[:start] + re.sub(r"[^\r\n]", " ", text[start:end]) + text[end:]
