"""Enums, domains and composite types.

https://www.postgresql.org/docs/current/sql-createtype.html
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from sqlmigrate.catalog.objects import Catalog, Object

from .pieces import Block, Piece

_INDENT = "\n    "


def enum(thing: Object, _catalog: Catalog) -> Block:
    """Return the statement of an enum."""
    labels = (thing.attributes.get("labels") or "").replace("', '", f"',{_INDENT}'")
    inside = f"{_INDENT}{labels}\n" if labels else ""
    return Block(thing, (Piece(f"CREATE TYPE {thing.name} AS ENUM ({inside})", (thing.identity,), "core"),))


def domain(thing: Object, catalog: Catalog) -> Block:
    """Return the statements of a domain; constraints that are NOT VALID are added to it."""
    have = thing.attributes
    lines = [f"CREATE DOMAIN {thing.name} AS {have.get('base')}"]
    lines += [f"COLLATE {have['collation']}"] if have.get("collation") else []
    lines += [f"DEFAULT {have['default']}"] if have.get("default") else []
    lines += ["NOT NULL"] if have.get("not null") else []
    of, later = [thing.identity], []
    for constraint in _constraints(thing, catalog):
        if constraint.attributes.get("validated") == "false":
            add = f"ALTER DOMAIN {thing.name} ADD CONSTRAINT {constraint.path[-1]} {constraint.definition}"
            later.append(Piece(add, (constraint.identity,)))
        else:
            lines.append(f"CONSTRAINT {constraint.path[-1]} {constraint.definition}")
            of.append(constraint.identity)
    return Block(thing, (Piece(_INDENT.join(lines), tuple(of), "core"), *later))


def composite(thing: Object, catalog: Catalog) -> Block:
    """Return the statement of a composite type."""
    columns = sorted(catalog.parts_of(thing, "column"), key=lambda each: each.identity.sub)
    lines = [_attribute(each) for each in columns]
    inside = f"{_INDENT}{(',' + _INDENT).join(lines)}\n" if lines else ""
    of = (thing.identity, *(each.identity for each in columns))
    return Block(thing, (Piece(f"CREATE TYPE {thing.name} AS ({inside})", of, "core"),))


def _attribute(column: Object) -> str:
    collation = column.attributes.get("collation")
    return f"{column.path[-1]} {column.attributes.get('type')}" + (f" COLLATE {collation}" if collation else "")


def _constraints(thing: Object, catalog: Catalog) -> list[Object]:
    return catalog.parts_of(thing, "domain constraint")


BLOCKS: Mapping[str, Callable[[Object, Catalog], Block]] = {
    "enum": enum,
    "domain": domain,
    "composite type": composite,
}
