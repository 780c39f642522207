"""Statements that create one object of a catalog, or drop it, where the rest of its table or type is there."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from sqlmigrate.catalog.objects import NOTHING, TABLES, TYPES, Catalog, Object

from . import columns, mentions, operators, partitions, rare, sequences, statements
from .parts import is_of_constraint, trigger_state
from .rights import grants, without_default_privileges
from .schema import Schema
from .targets import comment, target

_DROP = re.compile(r"^((?:ALTER .* )?DROP (?:CONSTRAINT|INDEX)) ")
HOLD_DATA = (*TABLES, "materialized view", "column", "sequence")
# What columns may have, what may have tables or secrets of its own, what other servers replicate from.
_LOSE_DATA = (*HOLD_DATA, *TYPES, "domain", "schema", "extension", "user mapping", "publication", "subscription")


@dataclass(frozen=True)
class Statement:
    """A statement that puts something back.

    Attributes:
        sql: the statement, without the semicolon; a comment where there is no such statement
        holds_data: whether it creates, changes or drops what holds data, or drops what that may need
        gives: the name of what is only there if it is executed; empty if it creates and renames nothing
        drops: the name of what it drops, without arguments; empty if it drops nothing
        frees: the names of what can only be dropped if it is executed
        loses: the statements that create what it drops, as it is now
    """

    sql: str
    holds_data: bool = False
    gives: str = field(default="", compare=False)
    drops: str = field(default="", compare=False)
    frees: frozenset[str] = field(default=frozenset(), compare=False)
    loses: tuple[str, ...] = field(default=(), compare=False)

    @property
    def is_comment(self) -> bool:
        """Whether it only says what cannot be put back."""
        return all(line.startswith("--") for line in self.sql.splitlines())


def impossible(thing: Object, why: str) -> Statement:
    """Return a comment: something of an object cannot be put back."""
    return Statement(f"-- cannot be put back: {thing.kind} {thing.name}, {why}")


def order_of_columns(relation: Object) -> Statement:
    """Return a comment: columns cannot be moved."""
    return impossible(relation, "the order of its columns: a new column is always the last")


def recreated(was: Object, now: Object, then: Catalog, current: Catalog) -> list[Statement]:
    """Return the statements that drop an object and create it as it was."""
    dropping = dropped(now, then, current)
    if was.kind in ("constraint", "index"):  # one of its columns may have been dropped before
        dropping = [replace(each, sql=_DROP.sub(r"\1 IF EXISTS ", each.sql)) for each in dropping]
    return [*dropping, *created(was, then, current)]


def created(thing: Object, then: Catalog, current: Catalog) -> list[Statement]:
    """Return the statements that create an object; none if another object brings it along.

    Args:
        thing: The object, of the first catalog.
        then: The catalog that there was.
        current: The catalog that there is.
    """
    if thing.kind == "column":
        found = [*_column(thing, then)]
    elif thing.kind == "sequence" and thing.attributes.get("owned by"):
        found = [*_owned_sequence(thing, then, current)]
    elif statements.stands_alone(thing):
        found = [*whole(thing, then, current)]
    else:
        found = [*_part(thing, then)]
    is_moved = thing.kind == "column" and found and then.orders[thing.table][-1] != thing.path[-1]
    comments = [order_of_columns(then.tables[thing.table])] if is_moved else []
    return [*(Statement(each, thing.kind in HOLD_DATA, gives=thing.name) for each in found), *comments]


def whole(thing: Object, then: Catalog, current: Catalog, *, with_keys: bool = True) -> Iterator[str]:
    """Yield the statements that create an object that stands alone, with all its parts.

    Args:
        thing: The object, of the first catalog.
        then: The catalog that there was.
        current: The catalog that there is, whose default privileges a new object gets.
        with_keys: Whether foreign keys are among the statements.
    """
    apart = [each.identity for each in foreign_keys(thing, then)]
    for piece in statements.block(thing, Schema(then, {}), apart, with_owner=True).pieces:
        if piece.role == "core" and thing.kind == "operator class":
            yield from _operator_class(thing, then, current)
        elif with_keys or piece.role != "foreign key":
            yield piece.sql
    for each in (thing, *statements.parts_of(thing, then)):
        yield from without_default_privileges(each, current)


def _operator_class(thing: Object, then: Catalog, current: Catalog) -> list[str]:
    """Return the statement of an operator class; some of what it holds stays in its family without it."""
    family = operators.family_of(thing, current)
    is_there = (thing.kind, thing.name) in current.objects  # and is dropped first, with what it holds
    known = operators.members_of_family(family) if family and not is_there else ()
    return operators.operator_class(thing, then, known=known)


def definition(thing: Object, catalog: Catalog) -> tuple[str, ...]:
    """Return the statements that an object can be created with, without its owner: to look at."""
    if statements.stands_alone(thing):
        return tuple(each.sql for each in statements.block(thing, Schema(catalog, {})).pieces)
    if thing.kind == "sequence":
        return (sequences.create(thing),)
    return tuple(each.sql for each in created(thing, catalog, Catalog({})) if not each.is_comment)


def foreign_keys(table: Object, catalog: Catalog) -> list[Object]:
    """Return the foreign keys of a table; other tables may have to be created before them."""
    return [each for each in catalog.parts_of(table, "constraint") if each.is_foreign_key]


def dropped(thing: Object, then: Catalog, current: Catalog) -> list[Statement]:
    """Return the statements that drop an object; none if it goes with another object.

    Args:
        thing: The object, of the second catalog.
        then: The catalog that there was.
        current: The catalog that there is.
    """
    loses_data = thing.kind in _LOSE_DATA
    frees = frozenset(_needed(thing, current)) if loses_data else frozenset[str]()
    found = [*_dropped(thing, then, current)]
    loses = definition(thing, current) if found else ()
    return [Statement(each, loses_data, drops=thing.called, frees=frees, loses=loses) for each in found]


def _needed(thing: Object, catalog: Catalog) -> set[str]:
    """Return the names in the definition of an object, those of its parts and of its schema among them."""
    is_whole = thing.kind != "schema" and statements.stands_alone(thing)
    texts = whole(thing, catalog, Catalog({})) if is_whole else filter(None, thing.attributes.values())
    return mentions.names(" ".join(texts)) | {thing.name, thing.path[0]}


def _dropped(thing: Object, then: Catalog, current: Catalog) -> Iterator[str]:
    relation, own = current.tables.get(thing.table, NOTHING), thing.path[-1]
    if _goes_with_another(thing, relation, then, current):
        return
    if thing.kind == "column":
        yield f"ALTER {target(relation)} DROP {'ATTRIBUTE' if is_composite(relation) else 'COLUMN'} {own}"
    elif thing.kind in ("constraint", "domain constraint"):
        table = f"DOMAIN {thing.table}" if thing.kind.startswith("domain") else target(relation)
        yield f"ALTER {table} DROP CONSTRAINT {own}"
    elif thing.kind == "trigger" and thing.attributes.get("parent"):
        above = then.objects.get(("trigger", thing.attributes["parent"] or ""), NOTHING)
        yield f"ALTER {target(relation)} {trigger_state(above.attributes.get('enabled'))} TRIGGER {own}"
    else:
        yield from rare.drop(thing)


def _goes_with_another(thing: Object, relation: Object, then: Catalog, current: Catalog) -> bool:
    """Return whether an object is dropped together with another one."""
    have = thing.attributes
    if thing.kind == "column":
        return relation.kind.endswith("view") or bool(have.get("inherited")) or is_of_parent(thing, relation, current)
    if thing.kind in ("constraint", "domain constraint"):
        return bool(have.get("inherited") or have.get("parent"))
    if thing.kind == "index":
        stays_partition = partitions.is_partition(then.tables.get(thing.table, relation))
        return is_of_constraint(thing, current) or (bool(have.get("parent")) and stays_partition)
    if thing.kind == "sequence" and have.get("owned by"):
        column = current.objects.get(("column", have["owned by"] or ""), NOTHING)
        return ("column", column.name) not in then.objects or bool(column.attributes.get("identity"))
    return False


def is_of_parent(column: Object, relation: Object, catalog: Catalog) -> bool:
    """Return whether a partition has a column from its parent."""
    is_partition = partitions.is_partition(relation)
    return is_partition and bool(partitions.column_of_parent(relation, column, catalog))


def is_composite(relation: Object) -> bool:
    """Return whether the columns of it are the attributes of a type."""
    return relation.kind == "composite type"


def _column(thing: Object, then: Catalog) -> Iterator[str]:
    relation, name = then.tables[thing.table], thing.path[-1]
    if relation.kind.endswith("view") or thing.attributes.get("inherited") or is_of_parent(thing, relation, then):
        return
    owned = [each for each in then.parts_of(relation, "sequence") if each.attributes.get("owned by") == thing.name]
    if is_composite(relation):
        collation = f" COLLATE {thing.attributes['collation']}" if thing.attributes.get("collation") else ""
        yield f"ALTER {target(relation)} ADD ATTRIBUTE {name} {thing.attributes['type']}{collation}"
    else:
        yield f"ALTER {target(relation)} ADD COLUMN {columns.definition(thing, owned)}"
        yield from columns.further(target(relation), thing)
    for each in owned:
        if not _comes_with_column(each, thing):
            yield f"ALTER SEQUENCE {each.name} OWNED BY {thing.name}"
    yield from grants(thing, relation, with_owner=True)
    yield from filter(None, [comment(thing)])


def _comes_with_column(sequence: Object, column: Object) -> bool:
    return bool(column.attributes.get("identity") or sequences.serial_type(column, sequence))


def _owned_sequence(thing: Object, then: Catalog, current: Catalog) -> Iterator[str]:
    name = thing.attributes["owned by"] or ""
    column = then.objects[("column", name)]
    if column.attributes.get("identity"):  # ALTER COLUMN … ADD GENERATED has created it; it starts at 1
        yield f"SELECT setval('{thing.name}', max({column.path[-1]})) FROM {thing.table}"
    elif not _comes_with_column(thing, column):
        yield sequences.create(thing)
        if ("column", column.name) in current.objects:
            yield f"ALTER SEQUENCE {thing.name} OWNED BY {column.name}"
    yield from grants(thing, with_owner=True)
    yield from filter(None, [comment(thing)])


def _part(thing: Object, then: Catalog) -> Iterator[str]:
    """Yield the statements for a part among those of the whole that it belongs to."""
    if thing.kind == "domain constraint":
        yield f"ALTER DOMAIN {thing.table} ADD CONSTRAINT {thing.path[-1]} {thing.definition}"
        yield from filter(None, [comment(thing)])
    elif thing.kind == "constraint" and not (thing.attributes.get("inherited") or thing.attributes.get("parent")):
        relation = then.tables[thing.table]
        yield f"ALTER {target(relation)} ADD CONSTRAINT {thing.path[-1]} {thing.definition}"
        yield from filter(None, [comment(thing)])
    elif thing.table in then.tables:
        relation = then.tables[thing.table]
        block = statements.block(relation, Schema(then, {}), with_owner=True)
        yield from (piece.sql for piece in block.pieces if thing.identity in piece.of and piece.role != "core")
