"""The statements that fill a new table from the old one whose name it has, and the columns that they leave out.

A column that is left out gets new values: of the identity, of the default, or NULL. Generated rows may have ids without
gaps, so that new ids are equal to the old ones by chance. The text of the statement tells it for certain.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace

from sqlmigrate.catalog.objects import Catalog, Object
from sqlmigrate.identifiers import IDENTIFIER, QUALIFIED, displayed, parts, plain
from sqlmigrate.review.measure.facts import OtherValues
from sqlmigrate.review.rules import replaced
from sqlmigrate.review.rules.rule import Finding

from .definitions import unique_key
from .schema_changes import Column
from .subject import MeasuredStatement, Subject
from .successors import VIEWS

_INSERT = re.compile(
    rf"\binsert\s+into\s+(?P<table>{QUALIFIED})(?:\s+as\s+{IDENTIFIER})?\s*(?P<columns>\([^()]*\))?", re.IGNORECASE
)
_CREATE_AS = re.compile(
    rf"\bcreate\s+(?:unlogged\s+)?table\s+(?:if\s+not\s+exists\s+)?(?P<table>{QUALIFIED})\s+as\b", re.IGNORECASE
)
_SOURCE = re.compile(rf"(?:\b(?:from|join|table|using)\s+(?:only\s+)?|,\s*)({QUALIFIED})", re.IGNORECASE)
_ONE_NAME = re.compile(IDENTIFIER)
_DEFINES = re.compile(r"\s*create\s+(?:or\s+replace\s+)?(?:function|procedure|trigger|rule)\b", re.IGNORECASE)
_BLOCK = re.compile(r"do\b", re.IGNORECASE)
_REFILLS = re.compile(r"\b(?:update|merge)\b", re.IGNORECASE)


@dataclass(frozen=True)
class Fill:
    """A statement that fills the new table from the old one.

    Attributes:
        measured: the statement
        columns: the plain names of the columns that it lists; None if it lists none
        does: what it is, for messages: the INSERT, the CREATE TABLE AS
    """

    measured: MeasuredStatement
    columns: frozenset[str] | None
    does: str


@dataclass(frozen=True)
class _Swap:
    """An old table, and the one that has its name now.

    Attributes:
        old: the old table, as it was before the new migrations
        new: the table that has its name
        base: the catalog before the new migrations
        now: the catalog after the file
    """

    old: Object
    new: Object
    base: Catalog
    now: Catalog


def find(subject: Subject) -> Iterator[Finding]:
    """Return the findings of the columns of a swapped table that do not have the old values."""
    for swap in _swaps(subject):
        values = next((each for each in subject.trip.other_values if each.table == swap.new.name), None)
        fills = [*_fills(subject, swap)]
        lost = [*_left_out(subject, swap, fills, values)]
        yield from lost
        if not lost and values:
            yield from _other_keys(subject, swap, fills, values)


def _swaps(subject: Subject) -> Iterator[_Swap]:
    base, now = subject.trip.base or subject.trip.before, subject.trip.after
    for name, old in base.tables.items() if now else ():
        new = now.tables.get(name) if now else None
        if now is None or new is None or new.identity == old.identity or {old.kind, new.kind} & {*VIEWS}:
            continue
        if new.identity not in base.identities:  # one of the base has made-up rows of its own
            yield _Swap(old, new, base, now)


def _fills(subject: Subject, swap: _Swap) -> Iterator[Fill]:
    """Return the statements of the file that fill the new table from the old one, in their order."""
    old, new = _names(subject, swap.old), _names(subject, swap.new)
    for each in subject.statements:
        if _DEFINES.match(each.code):
            continue
        is_block = _BLOCK.match(each.code) is not None
        sources = [_read(found[1]) for found in _SOURCE.finditer(each.code)]
        if not any(_is_one_of(source, old) for source in sources):
            continue
        for pattern, does in ((_INSERT, "the INSERT"), (_CREATE_AS, "CREATE TABLE AS")):
            for found in pattern.finditer(each.code):
                target = _read(found["table"])
                if _is_one_of(target, new) or (is_block and _is_unknown(subject, target)):
                    listed = found["columns"] if pattern is _INSERT else None
                    names = frozenset(_read(name)[-1] for name in _ONE_NAME.findall(listed or ""))
                    yield Fill(each, names if listed else None, does)


def _names(subject: Subject, table: Object) -> set[tuple[str, ...]]:
    """Return the names that a table has before, during and after the file, in plain parts."""
    catalogs = [each for each in (subject.trip.base, subject.trip.before, subject.trip.after) if each]
    found = [each.by_identity.get(table.identity) for each in catalogs]
    changes = [change for each in subject.statements for change in each.facts.changes]
    found += [thing for change in changes for thing in (change.before, change.after)]
    return {tuple(map(plain, each.path)) for each in found if each and each.identity == table.identity}


def _read(written: str) -> tuple[str, ...]:
    """Return the plain parts of a name as a statement has it."""
    return tuple(plain(part) if part.startswith('"') else part.lower() for part in parts(written))


def _is_one_of(name: tuple[str, ...], names: set[tuple[str, ...]]) -> bool:
    """Return whether a name, which may lack its schema, is one of these."""
    return any(name in (each, each[-1:]) for each in names)


def _is_unknown(subject: Subject, name: tuple[str, ...]) -> bool:
    """Return whether only a DO block knows a table: it created it, and gave it another name."""
    catalogs = [each for each in (subject.trip.before, subject.trip.after) if each]
    return not any(
        name in (path, path[-1:])
        for catalog in catalogs
        for table in catalog.tables.values()
        for path in [tuple(map(plain, table.path))]
    )


# columns that are left out


def _left_out(subject: Subject, swap: _Swap, fills: list[Fill], values: OtherValues | None) -> Iterator[Finding]:
    keys = _key_columns(swap)
    old = {each.path[-1] for each in swap.base.parts_of(swap.old, "column")}
    columns = [each for each in swap.now.parts_of(swap.new, "column") if each.path[-1] in old]
    for column in sorted(columns, key=lambda each: each.identity.sub):
        own = column.path[-1]
        without = [each for each in fills if _leaves_out(subject, each, column)]
        if not without or Column(column).is_generated:
            continue
        is_compared, differs = (values and own in values.compared), (values and own in values.differing)
        is_set = len(without) < len(fills) or _is_set_otherwise(subject, without[0], column)
        if is_set and not differs:
            continue
        fill = without[0]
        found = subject.finding(replaced.COLUMN_NOT_COPIED, fill.measured.place, _message(swap, column, fill, keys))
        is_certain = differs or not is_compared or own in keys
        yield found if is_certain else replace(found, severity="warning")


def _leaves_out(subject: Subject, fill: Fill, column: Object) -> bool:
    """Return whether a statement does not set a column: it lists others, or the column is created after it."""
    if fill.columns is not None:
        return plain(column.path[-1]) not in fill.columns
    made = (each for each in subject.statements if any(change.change == "new" and change.after and
            change.after.identity == column.identity for change in each.facts.changes))  # fmt: skip
    return any(each.facts.number > fill.measured.facts.number for each in made)


def _is_set_otherwise(subject: Subject, fill: Fill, column: Object) -> bool:
    """Return whether a later statement or a trigger may set the column."""
    later = [each for each in subject.statements if each.facts.number >= fill.measured.facts.number]
    return subject.is_set_by_trigger(column) or any(
        _REFILLS.search(each.code) and each.names(column.path[-1]) for each in later
    )


def _key_columns(swap: _Swap) -> frozenset[str]:
    """Return the columns of the unique keys that the old table has: what refers to a row uses them."""
    keys = (unique_key(each.definition) for each in swap.base.parts_of(swap.old, "index"))
    return frozenset(column for key in keys if key for column in key.columns)


def _message(swap: _Swap, column: Object, fill: Fill | None, keys: frozenset[str]) -> str:
    message = f"`{displayed(column.name)}` has other values than before"
    message += f": {fill.does} leaves it out" if fill else ""
    if column.path[-1] in keys:
        return f"{message}; what refers to an old value finds another row, or none"
    left = swap.now.by_identity.get(swap.old.identity)
    return f"{message}; the old values are " + (f"in `{displayed(left.name)}`" if left else "lost")


# keys that are different although they are not left out


def _other_keys(subject: Subject, swap: _Swap, fills: list[Fill], values: OtherValues) -> Iterator[Finding]:
    """Return the findings of primary keys whose values the new table lacks, although it has no fewer rows.

    If it has fewer rows, that is told instead.
    """
    rows = next((each for each in subject.trip.swapped if each.table == swap.new.name and not each.column), None)
    if rows is None or rows.before is None or rows.after < rows.before:
        return
    primary = [each for each in swap.base.parts_of(swap.old, "constraint") if each.definition.startswith("PRIMARY KEY")]
    columns = {name for each in primary for name in _ONE_NAME.findall(each.definition.partition("(")[2])}
    for column in swap.now.parts_of(swap.new, "column"):
        if column.path[-1] in columns.intersection(values.differing):
            place = fills[-1].measured.place if fills else subject.place_of_name(swap.new)
            message = _message(swap, column, None, frozenset(columns))
            yield subject.finding(replaced.COLUMN_NOT_COPIED, place, message)
