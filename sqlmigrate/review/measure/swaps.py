"""Counts what is in a table or column that has the name of another one since a file: the application finds that."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from sqlmigrate.catalog.objects import TABLES, Catalog, Object
from sqlmigrate.database.session import Request, Session
from sqlmigrate.identifiers import parts
from sqlmigrate.shadow.row_sums import TableRows

from .facts import OtherValues, Swapped

# Types of one line write equal values alike.
_ALIKE = (re.compile(r"smallint|integer|bigint"), re.compile(r"text|character varying(?:\(\d+\))?"))


def swapped(session: Session, before: Catalog, after: Catalog, rows: Mapping[str, TableRows]) -> Iterator[Swapped]:
    """Return the tables and columns that are other ones under an old name, with what is in them.

    Args:
        session: A session in no transaction.
        before: The catalog before the file.
        after: The catalog after it.
        rows: The rows of the tables before the file.
    """
    for (kind, name), old in before.objects.items():
        if kind in TABLES and (new := after.tables.get(name)) and new.identity != old.identity:
            if new.kind in TABLES:
                count = _counts(session, name, "*")[0]
                yield Swapped(name, "", rows[name].count if name in rows else None, count, count)
        elif kind == "column" and (column := after.objects.get((kind, name))) and _is_swapped(old, column, after):
            yield _column(session, old, column, after)


def other_values(session: Session, base: Catalog, after: Catalog) -> Iterator[OtherValues]:
    """Return what the columns of tables that are other ones under an old name no longer have of the old values.

    Only tables whose old one still exists can be compared, column by column: the order of the rows may differ.

    Args:
        session: A session in no transaction.
        base: The catalog before the first of the new migrations.
        after: The catalog after the file.
    """
    for name, old in base.tables.items():
        new, left = after.tables.get(name), after.by_identity.get(old.identity)
        if new is None or left is None or new.identity == old.identity or {new.kind, left.kind} - {*TABLES}:
            continue
        now = {each.path[-1]: each for each in after.parts_of(new, "column")}
        columns = [
            each.path[-1]
            for each in after.parts_of(left, "column")
            if each.path[-1] in now and _is_comparable(each, now[each.path[-1]])
        ]
        if columns:
            differing = _differing(session, left.name, name, columns)
            yield OtherValues(name, tuple(columns), tuple(differing))


def _is_comparable(old: Object, new: Object) -> bool:
    types = [each.attributes.get("type") or "" for each in (old, new)]
    return types[0] == types[1] or any(all(map(line.fullmatch, types)) for line in _ALIKE)


def _differing(session: Session, old: str, new: str, columns: list[str]) -> list[str]:
    """Return the columns of which the old table has values, or has them more often, that the new one does not have."""
    differs = (
        f"exists (select {each}::text from {old} except all select {each}::text from {new})::text" for each in columns
    )
    (row,) = session.ask(Request(f"select {', '.join(differs)}"))[0]
    return [each for each, is_different in zip(columns, row, strict=True) if is_different == "true"]


def _is_swapped(old: Object, new: Object, after: Catalog) -> bool:
    is_same_table = new.identity[:2] == old.identity[:2]
    return is_same_table and new.identity != old.identity and after.tables[new.table].kind in TABLES


def _column(session: Session, old: Object, new: Object, after: Catalog) -> Swapped:
    """Count the values of a column and of the one that had its name, if it still exists."""
    own = parts(new.name)[-1]
    left = after.by_identity.get(old.identity)
    rows, values, *before = _counts(session, new.table, "*", own, *([parts(left.name)[-1]] if left else []))
    return Swapped(new.table, own, before[0] if before else None, values, rows)


def _counts(session: Session, table: str, *what: str) -> list[int]:
    """Count rows (``*``) or values of columns; names are quoted already."""
    counts = ", ".join(f"count({each})::text" for each in what)
    (row,) = session.ask(Request(f"select {counts} from {table}"))[0]
    return [int(count or 0) for count in row]
