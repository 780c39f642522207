"""Counts what is in a table or column that has the name of another one since a file: the application finds that."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from sqlmigrate.catalog.objects import Catalog, Object
from sqlmigrate.database.session import Request, Session
from sqlmigrate.identifiers import parts

from .facts import Swapped
from .row_sums import TableRows

_TABLES = ("table", "partitioned table")


def swapped(session: Session, before: Catalog, after: Catalog, rows: Mapping[str, TableRows]) -> Iterator[Swapped]:
    """Return the tables and columns that are other ones under an old name, with what is in them.

    Args:
        session: A session in no transaction.
        before: The catalog before the file.
        after: The catalog after it.
        rows: The rows of the tables before the file.
    """
    for (kind, name), old in before.objects.items():
        if kind in _TABLES and (new := after.tables.get(name)) and new.identity != old.identity:
            if new.kind in _TABLES:
                count = _counts(session, name, "*")[0]
                yield Swapped(name, "", rows[name].count if name in rows else None, count, count)
        elif kind == "column" and (column := after.objects.get((kind, name))) and _is_swapped(old, column, after):
            yield _column(session, old, column, after)


def _is_swapped(old: Object, new: Object, after: Catalog) -> bool:
    is_same_table = new.identity[:2] == old.identity[:2]
    return is_same_table and new.identity != old.identity and after.tables[new.table].kind in _TABLES


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
