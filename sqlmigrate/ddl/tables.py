"""Tables with everything that belongs to them: sequences, constraints, indexes, triggers, policies.

https://www.postgresql.org/docs/current/sql-createtable.html
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from sqlmigrate.catalog.objects import TABLES, Catalog, Identity, Object

from . import columns, foreign, partitions, parts, sequences
from .pieces import Block, Piece, default_of, role_of
from .targets import target

_NOT_VALID = " NOT VALID"
_KEY = re.compile(r"(?:PRIMARY KEY|UNIQUE) ")
_INDENT = "\n    "


def block(table: Object, catalog: Catalog, apart: Collection[Identity] = ()) -> Block:
    """Return the statements of a table and of everything that belongs to it.

    Args:
        table: The table, partitioned table, or foreign table.
        catalog: The catalog that it is in.
        apart: The constraints, and the defaults of columns, that are not to stand inside CREATE TABLE: what they need
            needs the table.
    """
    return Block(table, tuple(_Table(table, catalog, frozenset(apart)).pieces()))


def inner_needs(table: Object, catalog: Catalog) -> Iterator[Identity]:
    """Yield the constraints and the defaults of columns that may stand inside CREATE TABLE, or after it."""
    for constraint in catalog.parts_of(table, "constraint"):
        if not constraint.is_foreign_key:
            yield constraint.identity
    for column in catalog.parts_of(table, "column"):
        if column.attributes.get("default"):
            yield default_of(column)


@dataclass(frozen=True)
class _Table:
    table: Object
    catalog: Catalog
    apart: frozenset[Identity]

    def pieces(self) -> Iterator[Piece]:
        yield from (Piece(sequences.create(each), (each.identity,), "core") for each in self._before)
        yield self._create()
        yield from (Piece(sql, (each.identity,)) for each in self._before if (sql := sequences.owned_by(each)))
        yield from self._columns_afterwards()
        yield from self._constraints_afterwards()
        yield from parts.indexes(self.table, self.catalog)
        if partitions.is_partition(self.table) and not self._is_made_by_parent:
            yield Piece(partitions.attach(self.table))  # with its indexes: others would be created for it
        yield from parts.of(self.table, self.catalog)

    def _create(self) -> Piece:
        table, have = self.table, self.table.attributes
        unlogged = "UNLOGGED " if have.get("persistence") == "unlogged" else ""
        what = "FOREIGN TABLE" if table.kind == "foreign table" else f"{unlogged}TABLE"
        lines, of = self._lines()
        inside = f" ({_INDENT}{(',' + _INDENT).join(lines)}\n)" if lines else " ()"
        if self._is_made_by_parent:
            inside = f" PARTITION OF {have['parents']}\n    {have['partition bound']}"
        elif have.get("of type"):
            inside = f" OF {have['of type']}" + (inside if lines else "")
        text = "".join([f"CREATE {what} {table.name}{inside}", *self._clauses()])
        return Piece(text, (table.identity, *(each.identity for each in self._inside), *of), "core")

    def _clauses(self) -> Iterator[str]:
        have = self.table.attributes
        if have.get("parents") and not have.get("partition bound"):
            yield f"\nINHERITS ({have['parents']})"
        if have.get("partition key"):
            yield f"\nPARTITION BY {have['partition key']}"
        if have.get("access method"):
            yield f"\nUSING {have['access method']}"
        named = (("options", ""), ("toast options", columns.TOAST))
        if options := [columns.storage_options(text, prefix) for name, prefix in named if (text := have.get(name))]:
            yield f"\nWITH ({', '.join(options)})"
        if have.get("tablespace"):
            yield f"\nTABLESPACE {have['tablespace']}"
        if have.get("server"):
            yield f"\n{foreign.of_table(self.table)}"

    def _lines(self) -> tuple[list[str], list[Identity]]:
        """Return the lines inside CREATE TABLE, and the constraints and defaults that they contain."""
        lines, of = [], []
        for column in self._own_columns:
            with_default = default_of(column) not in self.apart
            owned = self._owned_by.get(column.name, [])
            if self.table.attributes.get("of type"):
                if not (line := columns.of_type(column)):
                    continue
                lines.append(line)
            else:
                own = partitions.without_identity(self.table, column, self.catalog)
                lines.append(columns.definition(own, owned, with_default=with_default))
            of += [column.identity, *([default_of(column)] if with_default else [])]
        for constraint in self._constraints:
            if self._is_inside(constraint):
                lines.append(f"CONSTRAINT {constraint.path[-1]} {constraint.definition}")
                of.append(constraint.identity)
        return lines, of

    def _columns_afterwards(self) -> Iterator[Piece]:
        relation = target(self.table)
        for column in self._columns:
            own = default_of(column)
            if default := self._default_afterwards(column):
                alter = f"ALTER {relation} ALTER COLUMN {column.path[-1]}"
                yield Piece(f"{alter} {default}", (own,))
            yield from (Piece(sql) for sql in columns.further(relation, self._beyond_parent(column)))

    def _default_afterwards(self, column: Object) -> str | None:
        default, before = column.attributes.get("default"), self._of_parent(column).get("default")
        if column in self._own_columns:
            return f"SET DEFAULT {default}" if default and default_of(column) in self.apart else None
        if default == before or column.attributes.get("generated"):
            return None
        return f"SET DEFAULT {default}" if default else "DROP DEFAULT"

    def _beyond_parent(self, column: Object) -> Object:
        """Return a column without the attributes that its table has from the parent."""
        if column in self._own_columns:
            return column
        parent = self._of_parent(column)
        have = column.attributes
        kept = {name: have.get(name) for name in ("statistics", "options") if have.get(name)}
        kept |= {name: have.get(name) for name in ("storage",) if have.get(name) != parent.get(name)}
        return replace(column, attributes=kept)

    def _constraints_afterwards(self) -> Iterator[Piece]:
        relation = f"ALTER {target(self.table)}"
        if self._is_made_by_parent or self.table.attributes.get("parents"):
            for column in self._columns:
                parent = self._of_parent(column)
                is_new = column.attributes.get("not null") and not parent.get("not null")
                if is_new and column not in self._own_columns:
                    yield Piece(f"{relation} ALTER COLUMN {column.path[-1]} SET NOT NULL")
        for each in self._constraints:
            if not self._is_inside(each):
                add = f"ADD CONSTRAINT {each.path[-1]} {each.definition}"
                yield Piece(f"{relation}\n    {add}", (each.identity,), role_of(each, self.table))

    def _is_inside(self, constraint: Object) -> bool:
        is_simple = not constraint.is_foreign_key and not constraint.definition.endswith(_NOT_VALID)
        is_own = is_simple and constraint.identity not in self.apart and not self._is_made_by_parent
        return is_own and not self._would_be_dropped(constraint)

    def _would_be_dropped(self, constraint: Object) -> bool:
        """Return whether CREATE TABLE would leave out a key, because another one has the same columns.

        `transformIndexConstraints` in
        https://github.com/postgres/postgres/blob/REL_18_STABLE/src/backend/parser/parse_utilcmd.c
        """
        columns = _KEY.sub("", constraint.definition)
        same = [each for each in self._constraints if _KEY.sub("", each.definition) == columns]
        keys = [each for each in same if _KEY.match(each.definition)]
        return constraint in keys and constraint is not min(keys, key=lambda each: (each.definition, each.name))

    @cached_property
    def _columns(self) -> list[Object]:
        return sorted(self.catalog.parts_of(self.table, "column"), key=lambda each: each.identity.sub)

    @cached_property
    def _own_columns(self) -> list[Object]:
        if self._is_made_by_parent:
            return []
        return [each for each in self._columns if not each.attributes.get("inherited")]

    @cached_property
    def _constraints(self) -> list[Object]:
        """The constraints that the table does not have from its parents."""
        found = self.catalog.parts_of(self.table, "constraint")
        return [each for each in found if not self._is_from_parent(each)]

    def _is_from_parent(self, constraint: Object) -> bool:
        if constraint.attributes.get("inherited"):
            return True
        is_attached = partitions.is_partition(self.table) and not self._is_made_by_parent
        is_key = constraint.definition.startswith(("PRIMARY KEY", "UNIQUE"))
        if is_attached and (is_key or constraint.definition.startswith("CHECK")):
            return False
        return partitions.has_same_constraint(self.table, constraint, self.catalog)

    def _of_parent(self, column: Object) -> dict[str, str | None]:
        return partitions.column_of_parent(self.table, column, self.catalog)

    @cached_property
    def _is_made_by_parent(self) -> bool:
        return partitions.is_partition(self.table) and partitions.is_made_by_parent(self.table, self.catalog)

    @cached_property
    def _sequences(self) -> list[Object]:
        return self.catalog.parts_of(self.table, "sequence")

    @cached_property
    def _owned_by(self) -> dict[str, list[Object]]:
        found: dict[str, list[Object]] = {}
        for each in self._sequences:
            found.setdefault(each.attributes.get("owned by") or "", []).append(each)
        return found

    @cached_property
    def _inside(self) -> list[Object]:
        """The sequences that CREATE TABLE creates: those of identity columns, and of serial ones."""
        found = []
        for column in self._columns:
            owned = self._owned_by.get(column.name, [])
            if column.attributes.get("identity"):
                found += owned[:1]
            elif column in self._own_columns:
                found += [each for each in owned if sequences.serial_type(column, each)][:1]
        return found

    @cached_property
    def _before(self) -> Sequence[Object]:
        return [each for each in self._sequences if each not in self._inside]


def is_table(thing: Object) -> bool:
    """Return whether an object is written by `block`."""
    return thing.kind in (*TABLES, "foreign table")
