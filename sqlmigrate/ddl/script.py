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
"""
_BEGIN = """\
BEGIN;
SET LOCAL lock_timeout = '5s';
"""
_END = "COMMIT;\n"
_INDEX = re.compile(r"((?:CREATE (?:UNIQUE )?|DROP |REINDEX )INDEX )(?!CONCURRENTLY)")
_CHECKED = re.compile(
    r"(?P<table>ALTER (?:FOREIGN )?TABLE .+?) ADD CONSTRAINT "
    r'(?P<name>"(?:[^"]|"")+"|[^\s"]+) (?P<kind>CHECK|FOREIGN KEY)\b'
)
_NEW_LABEL = re.compile(r"ALTER TYPE (?P<type>.+) ADD VALUE ")
_IN_TWO_STEPS = "on a large table, outside of this transaction, in two steps, so that writes go on:"
_ALONE = "a new label can be used only when it is committed, so it comes before the transaction:"
_WHILE = "on a large table, outside of this transaction, so that writes go on:"


def script(statements: Iterable[Statement], what: str, partitioned: Iterable[str] = ()) -> str:
    """Return statements as a text that can be executed: one transaction.

    Args:
        statements: The statements; those that touch what holds data are commented out, and those that need them.
        what: What they make the schema, in words: ``what it was``.
        partitioned: The names of partitioned tables and of their indexes, which have no CONCURRENTLY.
    """
    whole = frozenset(partitioned)
    chosen = [*_chosen(statements)]
    named = {each.gives for each in chosen if each.gives}
    before = [each for each in chosen if _is_new_label(each, named)]
    inside = [each for each in chosen if each not in before]
    labels = [f"-- {_ALONE}", *(f"{each.sql};" for each in before), ""] if before else []
    return "\n".join([_HEAD.format(what=what), *labels, _BEGIN, *(_written(each, whole) for each in inside), _END])


def _is_new_label(statement: Statement, named: set[str]) -> bool:
    """Return whether a statement adds a label to an enum that already has its name."""
    found = _NEW_LABEL.match(statement.sql)
    return found is not None and not statement.holds_data and found["type"] not in named


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
    said = [*_lost(statement), *_advice(statement, partitioned)]
    is_out = statement.holds_data or "REINDEX " in statement.sql  # that of a partitioned table is refused in one
    return "\n".join([*said, *(_commented(text) if is_out else [text])]) + "\n"


def _lost(statement: Statement) -> Iterator[str]:
    """Show what a statement drops, so that it can be created again."""
    if statement.loses:
        yield "-- this drops:"
    yield from (f"--   {line}".rstrip() for each in statement.loses for line in f"{each};".splitlines())


def _advice(statement: Statement, partitioned: frozenset[str]) -> Iterator[str]:
    """Say how an index is created or dropped, or a constraint is added, without keeping others from writing."""
    checked = _CHECKED.match(statement.sql)
    if checked and _has_two_steps(statement.sql, checked["kind"], partitioned):
        yield f"-- {_IN_TWO_STEPS}"
        yield from _commented(f"{statement.sql} NOT VALID;")
        yield from _commented(f"{checked['table']} VALIDATE CONSTRAINT {checked['name']};")
    if _INDEX.match(statement.sql) and not mentions.names(statement.sql) & partitioned:
        yield f"-- {_WHILE}"
        yield from _commented(_INDEX.sub(r"\1CONCURRENTLY ", statement.sql, count=1) + ";")


def _has_two_steps(sql: str, kind: str, partitioned: frozenset[str]) -> bool:
    """Return whether PostgreSQL can add a constraint first, and check the rows later.

    https://www.postgresql.org/docs/17/sql-altertable.html: not a foreign key of a partitioned table
    """
    if sql.endswith((" NOT VALID", " NOT ENFORCED")):
        return False
    return kind == "CHECK" or not mentions.names(sql) & partitioned


def _commented(text: str) -> Iterator[str]:
    for line in text.splitlines():
        yield from _comment(line) if line.startswith("--") else [f"-- {line}"]


def _comment(text: str) -> Iterator[str]:
    for line in text.splitlines():
        yield from wrap(line, _WIDTH, subsequent_indent="--   ", break_long_words=False, break_on_hyphens=False)
