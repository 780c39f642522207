"""The text of statements that put something back: for a DBA to read, and to choose from."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import replace
from textwrap import wrap

from . import mentions
from .created import Statement

_WIDTH = 80  # of our own comments
_HEAD = """\
-- These statements make the schema {what}.
-- None was executed: read them before you execute any.
-- Commented out is what may lose rows, or cannot be executed without that: what
-- creates, changes or drops tables, columns, sequences and materialized views,
-- and what drops schemas, types, extensions, publications and user mappings.

BEGIN;
SET LOCAL lock_timeout = '5s';
"""
_END = "COMMIT;\n"
_INDEX = re.compile(r"((?:CREATE (?:UNIQUE )?|DROP |REINDEX )INDEX )(?!CONCURRENTLY)")
_WHILE = "on a large table, outside of this transaction, so that writes go on:"


def script(statements: Iterable[Statement], what: str, partitioned: Iterable[str] = ()) -> str:
    """Return statements as a text that can be executed: one transaction.

    Args:
        statements: The statements; those that touch what holds data are commented out, and those that need them.
        what: What they make the schema, in words: ``what it was``.
        partitioned: The names of partitioned tables and of their indexes, which have no CONCURRENTLY.
    """
    whole = frozenset(partitioned)
    return "\n".join([_HEAD.format(what=what), *(_written(each, whole) for each in _chosen(statements)), _END])


def _chosen(statements: Iterable[Statement]) -> Iterator[Statement]:
    """Mark also the statements that cannot be executed without one that is marked."""
    given, kept = set[str](), set[str]()
    for each in statements:
        is_marked = each.holds_data or (not each.is_comment and _needs(each, given, kept))
        if is_marked and each.gives:
            given.add(each.gives)
        if is_marked and each.drops:
            kept |= {each.drops, *each.frees}
        yield replace(each, holds_data=is_marked)


def _needs(statement: Statement, given: set[str], kept: set[str]) -> bool:
    """Return whether a statement names what is not there yet, or drops or creates what is still there."""
    if statement.drops in kept or statement.gives.partition("(")[0] in kept:
        return True
    named = mentions.names(statement.sql)
    words = {word for name in named for word in name.split(".")}
    return any(_is_named(each, named, words) for each in given)


def _is_named(name: str, named: set[str], words: set[str]) -> bool:
    """Return whether a statement has a name; that of a column may stand without its table in front."""
    whole, _, own = name.rpartition(".")
    inside = f"{name}."
    return name in named or (whole in named and own in words) or any(each.startswith(inside) for each in named)


def _written(statement: Statement, partitioned: frozenset[str]) -> str:
    if statement.is_comment:
        return "\n".join(_comment(statement.sql)) + "\n"
    text = f"{statement.sql};"
    said = list(_advice(statement, partitioned))
    is_out = statement.holds_data or "REINDEX " in statement.sql  # that of a partitioned table is refused in one
    return "\n".join([*said, *(_commented(text) if is_out else [text])]) + "\n"


def _advice(statement: Statement, partitioned: frozenset[str]) -> Iterator[str]:
    """Say how an index is created or dropped without keeping others from writing."""
    if _INDEX.match(statement.sql) and not mentions.names(statement.sql) & partitioned:
        yield f"-- {_WHILE}"
        yield from _commented(_INDEX.sub(r"\1CONCURRENTLY ", statement.sql, count=1) + ";")


def _commented(text: str) -> Iterator[str]:
    for line in text.splitlines():
        yield from _comment(line) if line.startswith("--") else [f"-- {line}"]


def _comment(text: str) -> Iterator[str]:
    for line in text.splitlines():
        yield from wrap(line, _WIDTH, subsequent_indent="--   ", break_long_words=False, break_on_hyphens=False)
