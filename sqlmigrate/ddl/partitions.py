"""Partitions: created by their parent's definition where that gives the same, attached to it where it does not.

https://www.postgresql.org/docs/current/ddl-partitioning.html
"""

from __future__ import annotations

import re
from dataclasses import replace

from sqlmigrate.catalog.objects import Catalog, Object
from sqlmigrate.identifiers import IDENTIFIER, plain

from .generated_names import generated, is_called

_COLUMNS = re.compile(
    rf"^[^(]*\(({IDENTIFIER}(?:, {IDENTIFIER})*)\)(?: INCLUDE \(({IDENTIFIER}(?:, {IDENTIFIER})*)\))?"
)
# What a partition has from its parent, column by column; the rest can be altered.
_SAME = ("type", "collation", "generation", "generated", "identity", "compression", "not null validated")


def is_partition(table: Object) -> bool:
    """Return whether a table is a partition."""
    return bool(table.attributes.get("partition bound"))


def attach(table: Object) -> str:
    """Return the statement that makes a partition of a table."""
    have = table.attributes
    return f"ALTER TABLE {have['parents']}\n    ATTACH PARTITION {table.name} {have['partition bound']}"


def is_made_by_parent(table: Object, catalog: Catalog) -> bool:
    """Return whether CREATE TABLE … PARTITION OF gives a partition its columns and indexes, with their names."""
    parent = catalog.tables.get(table.attributes.get("parents") or "")
    if parent is None or table.kind == "foreign table":
        return False
    if catalog.orders.get(table.name) != catalog.orders.get(parent.name):
        return False
    for column in catalog.parts_of(table, "column"):
        before = column_of_parent(table, column, catalog)
        if any(column.attributes.get(name) != before.get(name) for name in _SAME):
            return False
        if before.get("not null") and not column.attributes.get("not null"):
            return False
    return _has_usual_indexes(table, parent, catalog)


def column_of_parent(table: Object, column: Object, catalog: Catalog) -> dict[str, str | None]:
    """Return the attributes that the column of this name has in the parents of a table; empty if it has none there."""
    for name in (table.attributes.get("parents") or "").split(", "):
        found = catalog.objects.get(("column", f"{name}.{column.path[-1]}"))
        if found:
            return dict(found.attributes)
    return {}


def without_identity(table: Object, column: Object, catalog: Catalog) -> Object:
    """Return a column without the identity that it gets when its table becomes a partition.

    https://www.postgresql.org/docs/17/ddl-identity-columns.html
    """
    if not is_partition(table) or not column_of_parent(table, column, catalog).get("identity"):
        return column
    return replace(column, attributes={name: value for name, value in column.attributes.items() if name != "identity"})


def has_same_constraint(table: Object, constraint: Object, catalog: Catalog) -> bool:
    """Return whether a parent of a table has the same constraint, so that the table has it from there."""
    if not (parents := table.attributes.get("parents")):
        return False
    if constraint.attributes.get("parent"):
        return True
    if not constraint.definition.startswith("CHECK"):
        return False
    of_parents = (catalog.objects.get(("constraint", f"{name}.{constraint.path[-1]}")) for name in parents.split(", "))
    return any(each and each.definition == constraint.definition for each in of_parents)


def _has_usual_indexes(table: Object, parent: Object, catalog: Catalog) -> bool:
    """Return whether the indexes that a partition has from its parent have the names that PostgreSQL gives them."""
    inherited = [each for each in catalog.parts_of(table, "index") if each.attributes.get("parent")]
    of_parent = {each.name: each for each in catalog.parts_of(parent, "index")}
    if len({each.attributes["parent"] for each in inherited}) != len(of_parent):
        return False
    names = set()
    for index in inherited:
        above = of_parent.get(index.attributes["parent"] or "")
        usual = _usual_name(table, above, catalog) if above else None
        if usual is None or not is_called(index.name, table.path[0], usual):
            return False
        names.add(usual)
    return len(names) == len(inherited)


def _usual_name(table: Object, index: Object, catalog: Catalog) -> str | None:
    """Return the name that a copy of the index of a parent gets in a partition; None if that cannot be told."""
    found = _COLUMNS.match(index.definition.partition(" USING ")[2])
    if not found:
        return None
    names = [plain(each) for part in found.groups() if part for each in part.split(", ")]
    constraint = catalog.objects.get(("constraint", f"{index.table}.{index.path[-1]}"))
    if constraint and constraint.definition.startswith("PRIMARY KEY"):
        return generated(plain(table.path[-1]), "", "pkey")
    label = "idx" if constraint is None else "excl" if constraint.definition.startswith("EXCLUDE") else "key"
    return generated(plain(table.path[-1]), "_".join(names)[:63], label)
