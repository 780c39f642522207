"""The changes of a catalog, as the findings need them: columns with a new type, new constraints, replaced objects."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

from sqlmigrate.catalog.objects import RELATIONS, TYPES, Catalog, Change, Object
from sqlmigrate.identifiers import IDENTIFIER, displayed, parent, parts
from sqlmigrate.review.measure.facts import RoundTrip

# Functions that return another value at each call. A user's own function of a similar name, or in a schema, is none.
_VOLATILE = re.compile(
    r"""(?<![\w$.])(?:random|random_normal|clock_timestamp|timeofday|nextval|gen_random_uuid|uuidv4|uuidv7"""
    r"""|uuid_generate_v[14]\w*)\("""
)
_WORDS = re.compile(IDENTIFIER)
# Where a condition has these, a part of it may be false.
_ALTERNATIVES = re.compile(r"(?<![\w$])(?:OR|NOT \(|CASE|COALESCE)(?![\w$])|NO INHERIT")


@dataclass(frozen=True)
class Column:
    """A column, with its attributes as the findings need them.

    Attributes:
        object: the column in the catalog
    """

    object: Object

    @property
    def name(self) -> str:
        """The qualified name."""
        return self.object.name

    @property
    def table(self) -> str:
        """The name of the table as messages show it, without the schema `public`."""
        return displayed(parent(self.object.name))

    @property
    def type(self) -> str:
        """The type with its length."""
        return self.object.attributes.get("type") or ""

    @property
    def default(self) -> str:
        """The expression of the default; empty for none."""
        return self.object.attributes.get("default") or ""

    @property
    def is_not_null(self) -> bool:
        """Whether it is NOT NULL."""
        return is_on(self.object, "not null")

    @property
    def is_identity(self) -> bool:
        """Whether it is an identity column."""
        return bool(self.object.attributes.get("identity"))

    @property
    def is_always_identity(self) -> bool:
        """Whether it is an identity column that an INSERT cannot set."""
        return self.object.attributes.get("identity") == "always"

    @property
    def is_generated(self) -> bool:
        """Whether it is a generated column."""
        return bool(self.object.attributes.get("generated"))

    @property
    def is_serial(self) -> bool:
        """Whether its values come from a sequence."""
        return self.is_identity or "nextval(" in self.default

    @property
    def is_stored(self) -> bool:
        """Whether it is a stored generated column."""
        return self.object.attributes.get("generated") in ("s", "stored")

    @property
    def has_value(self) -> bool:
        """Whether an INSERT that leaves it out gets a value for it."""
        return bool(self.default) or self.is_identity or self.is_generated

    @property
    def is_of_domain(self) -> bool:
        """Whether its type is a domain."""
        return is_on(self.object, "domain")

    def is_proven_not_null(self, catalog: Catalog) -> bool:
        """Return whether a CHECK of a catalog refuses a row without a value for it, as NOT NULL does."""
        text = f"({self.object.path[-1]} IS NOT NULL)"
        checks = (
            each.definition
            for (kind, _), each in catalog.objects.items()
            if kind == "constraint" and each.whole == self.object.whole
        )
        return any(text in each and each.startswith("CHECK") and not _ALTERNATIVES.search(each) for each in checks)

    @property
    def has_volatile_look(self) -> bool:
        """Whether the default calls a function that is known to be volatile."""
        return _VOLATILE.search(self.default) is not None


def is_on(thing: Object, attribute: str) -> bool:
    """Return whether a yes-or-no attribute is set."""
    return thing.attributes.get(attribute) in ("t", "true", "yes", "on", "enabled", "forced")


@dataclass(frozen=True)
class SchemaChanges:
    """The changes that one file made.

    Attributes:
        changes: what happened to each object
        after: the catalog after the file; None if it is not known
    """

    changes: Sequence[Change]
    after: Catalog | None = None

    def all(self, change: str) -> Iterator[Change]:
        """Return the changes of one sort."""
        return (each for each in self.changes if each.change == change)

    @cached_property
    def _gone(self) -> frozenset[tuple[str, str]]:
        return frozenset((each.before.kind, each.before.name) for each in self.all("gone") if each.before)

    @cached_property
    def _new(self) -> dict[tuple[str, str], Object]:
        return {(each.after.kind, each.after.name): each.after for each in self.all("new") if each.after}

    @cached_property
    def _named(self) -> dict[tuple[str, str], Object]:
        """What the file has given a new name, or another schema."""
        changes = (*self.all("renamed"), *self.all("moved"))
        return {(each.after.kind, each.after.name): each.after for each in changes if each.after}

    def is_gone(self, kind: str, name: str) -> bool:
        """Return whether a relation, named as messages do, is gone; `table` stands for every kind of table and view."""
        kinds = RELATIONS if kind == "table" else (kind,)
        return any((each, full) in self._gone for each in kinds for full in (name, f"public.{name}"))

    def is_part_of_gone(self, thing: Object) -> bool:
        """Return whether its parent is gone as well: the table of a column, or the partitioned table of a partition."""
        name = thing.name
        above = displayed(thing.attributes.get("parents") or "")
        if thing.attributes.get("partition bound") and self.is_gone("table", above):
            return True
        while name := parent(name):
            if any((kind, name) in self._gone for kind in (*RELATIONS, "type", "composite type", "domain")):
                return True
        return False

    def goes_with_column(self, constraint: Object) -> bool:
        """Return whether PostgreSQL drops a constraint with a column of its table, also without CASCADE."""
        definition = constraint.definition.partition(" REFERENCES ")[0]
        words = set(_WORDS.findall(definition))
        columns = (each.before for each in self.all("gone") if each.kind == "column" and each.before)
        return any(each.table == constraint.table and each.path[-1] in words for each in columns)

    def is_replaced(self, thing: Object) -> bool:
        """Return whether another object has its name now."""
        return self._successor(thing) is not None

    def _successor(self, thing: Object) -> Object | None:
        """Return the other object that has the name of this one now; a view may follow a table, a domain an enum."""
        kinds = next((group for group in (RELATIONS, TYPES) if thing.kind in group), (thing.kind,))
        objects = self.after.objects if self.after else {**self._new, **self._named}
        found = (objects.get((kind, thing.name)) for kind in kinds)
        return next((each for each in found if each and each.identity != thing.identity), None)

    def replaced(self) -> Iterator[tuple[Object, Object]]:
        """Return the objects whose name another object has now: before, after.

        The old one was dropped, renamed or moved to another schema.
        """
        seen = set()
        for each in (*self.all("gone"), *self.all("renamed"), *self.all("moved")):
            if each.before and each.before.identity not in seen and (new := self._successor(each.before)):
                seen.add(each.before.identity)
                yield each.before, new

    def is_same_object(self, kind: str, old: str, new: str) -> bool:
        """Return whether an object had one name before and has another one now."""
        return any(
            each.before.name == old and each.after.name == new
            for each in (*self.all("renamed"), *self.all("moved"))
            if each.before and each.after and each.kind == kind
        )

    def is_in_renamed_schema(self, thing: Object) -> bool:
        """Return whether its qualified name changed only because its schema was renamed."""
        schemas = {each.before.name for each in self.all("renamed") if each.before and each.kind == "schema"}
        return thing.kind != "schema" and parts(thing.name)[0] in schemas

    def left_in_renamed_schema(self) -> Iterator[tuple[Change, Object, Object]]:
        """Return what moved with its schema although another schema has the old name: the change, before, after.

        What the other schema has as well is left out.
        """
        schemas = {each.before.name for each in self.all("renamed") if each.before and self.is_replaced(each.before)}
        for each in self.all("moved"):
            if each.before and each.after and each.before.path[0] in schemas and not self.is_replaced(each.before):
                yield each, each.before, each.after

    def renamed_labels(self) -> Iterator[tuple[Change, str, str]]:
        """Return the renamed labels of enums: the change, the old label, the new label."""
        for each in self.all("renamed"):
            if each.kind == "enum label" and each.before and each.after:
                labels = each.before.attributes["label"], each.after.attributes["label"]
                yield each, labels[0] or "", labels[1] or ""

    # columns

    def _columns(self, change: str) -> Iterator[tuple[Column | None, Column | None]]:
        for each in self.all(change):
            if each.kind == "column":
                yield Column(each.before) if each.before else None, Column(each.after) if each.after else None

    def altered_columns(self) -> Iterator[tuple[Column, Column]]:
        """Return the columns that were altered: before, after."""
        for before, after in self._columns("altered"):
            if before and after:
                yield before, after

    def retyped(self, table: str) -> list[Column]:
        """Return the columns of a table whose type changed."""
        name = self._name_now(table)
        return [after for after in self.all_retyped() if after.table == name]

    def all_retyped(self) -> list[Column]:
        """Return the columns of all tables whose type changed, or is another one of the same name."""
        pairs = self.altered_columns()
        return [after for before, after in pairs if before.type != after.type or self._is_other_type(after.type)]

    def _is_other_type(self, name: str) -> bool:
        """Return whether a type, or that of an array, is another object than the one that had its name."""
        return name.removesuffix("[]") in self._other_types

    @cached_property
    def _other_types(self) -> frozenset[str]:
        return frozenset(before.name for before, _ in self.replaced() if before.kind in TYPES)

    def added(self, table: str) -> list[Column]:
        """Return the new columns of a table."""
        name = self._name_now(table)
        return [after for _, after in self._columns("new") if after and after.table == name]

    def made_not_null(self, table: str) -> bool:
        """Return whether a column of a table became NOT NULL."""
        name = self._name_now(table)
        return any(
            after.table == name and after.is_not_null and not before.is_not_null
            for before, after in self.altered_columns()
        )

    # constraints

    def _constraints(self, table: str) -> Iterator[Object]:
        table_now = self._name_now(table)
        for (kind, name), thing in self._new.items():
            if kind == "constraint" and displayed(parent(name)) == table_now:
                yield thing

    def constraint_kind(self, table: str, name: str) -> str:
        """Return the kind of a new constraint of a table as in pg_constraint (p, u, x); empty if there is none."""
        found = (each for each in self._constraints(table) if parts(each.name)[-1] == name)
        return next((_constraint_type(each) for each in found), "")

    def new_constraints(self) -> Iterator[Object]:
        """Return the new constraints."""
        return (thing for (kind, _), thing in self._new.items() if kind == "constraint")

    def new_check(self, table: str, column: str = "") -> bool:
        """Return whether a table has a new, validated CHECK; on a column, if one is given."""
        words = parts(column)[-1] if column else ""
        checks = [each for each in self._constraints(table) if _constraint_type(each) == "c" and _is_valid(each)]
        return any(words in each.definition for each in checks)

    def new_foreign_key(self, table: str) -> bool:
        """Return whether a table has a new, validated foreign key, or is referenced by one."""
        name = self._name_now(table)
        return any(
            _constraint_type(thing) == "f"
            and _is_valid(thing)
            and (displayed(parent(thing.name)) == name or _references(thing, name))
            for thing in self.new_constraints()
        )

    # tables

    @cached_property
    def _new_names(self) -> dict[str, str]:
        changes = (each for each in self.changes if each.kind in RELATIONS and each.before and each.after)
        return {
            displayed(each.before.name): displayed(each.after.name) for each in changes if each.before and each.after
        }

    def _name_now(self, table: str) -> str:
        """Return the name after the file of a table that a statement touched: what was measured has the old one."""
        return self._new_names.get(table, table)

    def _altered_tables(self, table: str, attribute: str) -> Iterator[tuple[str | None, str | None]]:
        """Return the values of an attribute of a table before and after, if it was altered."""
        name = self._name_now(table)
        for each in self.changes:
            if each.kind in RELATIONS and each.before and each.after and displayed(each.after.name) == name:
                before, after = each.before.attributes.get(attribute), each.after.attributes.get(attribute)
                if before != after:
                    yield before, after

    def persistence(self, table: str) -> str:
        """Return what a table has become, logged or unlogged; empty if that did not change."""
        return next((after or "logged" for _, after in self._altered_tables(table, "persistence")), "")

    def is_moved(self, table: str) -> bool:
        """Return whether a table was moved to another tablespace."""
        return any(self._altered_tables(table, "tablespace"))

    def is_attached(self, table: str) -> bool:
        """Return whether a table has become a partition."""
        return any(after and not before for before, after in self._altered_tables(table, "partition bound"))

    def has_new_partition(self, table: str) -> bool:
        """Return whether a table has a new partition, created or attached."""
        things = [each.after for each in (*self.all("new"), *self.all("altered")) if each.after]
        found = [each for each in things if displayed(each.attributes.get("parents") or "") == table]
        return any(each in self._new.values() or self.is_attached(displayed(each.name)) for each in found)

    def is_of_partitioned(self, table: str, indexes: Sequence[str]) -> bool:
        """Return whether one of the new indexes of a table belongs to an index of a partitioned table."""
        new = (thing for (kind, _), thing in self._new.items() if kind == "index")
        places = {f"{parent(table)}.{name}".removeprefix(".") for name in indexes}
        return any(displayed(thing.name) in places and thing.attributes.get("parent") for thing in new)


def old_changes(trip: RoundTrip) -> SchemaChanges:
    """Return what up changed, without the objects that another new migration created: nothing uses them yet."""
    if trip.base is None:
        return SchemaChanges(trip.changes, trip.after)
    known = trip.base.identities
    old = [each for each in trip.changes if each.before is None or each.before.identity in known]
    return SchemaChanges(old, trip.after)


def _is_valid(constraint: Object) -> bool:
    return constraint.attributes.get("validated") != "false"


def _references(constraint: Object, table: str) -> bool:
    definition = constraint.definition
    return f"REFERENCES {table}(" in definition or f"REFERENCES public.{table}(" in definition


def _constraint_type(thing: Object) -> str:
    definition = thing.definition
    for words, kind in (("PRIMARY KEY", "p"), ("UNIQUE", "u"), ("EXCLUDE", "x"), ("FOREIGN KEY", "f"), ("CHECK", "c")):
        if definition.startswith(words):
            return kind
    return ""
