"""The values of a catalog: its objects, differences by name, changes by identity."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Literal, NamedTuple

_NOT_VALID = " NOT VALID"
_LEANING = ("view", "materialized view", "rule", "policy")
_LABEL = re.compile(r"'(?:[^']|'')*'")


class Identity(NamedTuple):
    """What an object is, independent of its name.

    Attributes:
        catalog: the system catalog that it is in, ``pg_class``
        oid: its OID; for a column that of the table
        sub: the number of a column; 0 for other objects
    """

    catalog: str
    oid: int
    sub: int


@dataclass(frozen=True)
class Object:
    """One object of a database.

    Attributes:
        kind: what it is: ``table``, ``column``, ``index``
        name: the qualified name, quoted as needed: ``public.orders.total`` for a column
        identity: what it is, independent of its name
        attributes: its definition: name and value of each attribute that is set
        path: the parts of the name
        table: the table that it belongs to and is dropped with; for a table its own name; empty if there is none
        whole: the relation or type that it is a part of; itself if it stands alone
    """

    kind: str
    name: str
    identity: Identity
    attributes: Mapping[str, str | None]
    path: tuple[str, ...] = ()
    table: str = ""
    whole: Identity = Identity("", 0, 0)  # noqa: RUF009 - a named tuple is not mutable

    @property
    def definition(self) -> str:
        """The definition of a constraint, index, trigger or function as PostgreSQL writes it; empty for others."""
        return self.attributes.get("definition") or ""

    @property
    def is_foreign_key(self) -> bool:
        """Whether it is a constraint that refers to another table."""
        return self.kind == "constraint" and self.definition.startswith("FOREIGN KEY")

    @cached_property
    def leans(self) -> bool:
        """Whether its definition as PostgreSQL writes it depends on the columns that other relations have.

        A row value is written with a value for each column of its type.
        """
        return self.kind in _LEANING or any("ROW(" in (value or "") for value in self.attributes.values())

    @property
    def called(self) -> str:
        """The qualified name of a function as calls have it, without the types of its arguments."""
        return ".".join((*self.path[:-1], self.path[-1].partition("(")[0]))


@dataclass(frozen=True)
class Catalog:
    """All objects of a database.

    Attributes:
        objects: the objects by kind and name
    """

    objects: Mapping[tuple[str, str], Object]

    @cached_property
    def tables(self) -> Mapping[str, Object]:
        """Everything that has columns, by name."""
        return {name: each for (kind, name), each in self.objects.items() if kind in WITH_COLUMNS}

    @cached_property
    def wholes(self) -> Mapping[str, Object]:
        """Everything that others are parts of, relations and types, by name."""
        return {each.name: each for each in self.objects.values() if each.table == each.name}

    @cached_property
    def by_identity(self) -> Mapping[Identity, Object]:
        """Every object by its identity."""
        return {each.identity: each for each in self.objects.values()}

    @property
    def identities(self) -> Collection[Identity]:
        """The identities of all objects."""
        return self.by_identity.keys()

    def parts_of(self, relation: Object, *kinds: str) -> list[Object]:
        """Return the parts of a relation that are of these kinds, in the order of their names."""
        return sorted(
            (each for each in self._by_table.get(relation.name, ()) if each.kind in kinds), key=lambda each: each.name
        )

    def owner_of(self, thing: Object) -> str | None:
        """Return the owner of an object, or of what it is a part of; None if neither has one."""
        whole = self.wholes.get(thing.table, thing)
        return thing.attributes.get("owner") or whole.attributes.get("owner")

    def of_kind(self, kind: str) -> list[Object]:
        """Return the objects of a kind."""
        return self._by_kind.get(kind, [])

    @cached_property
    def _by_kind(self) -> Mapping[str, list[Object]]:
        found: dict[str, list[Object]] = {}
        for (kind, _), each in self.objects.items():
            found.setdefault(kind, []).append(each)
        return found

    @cached_property
    def _by_table(self) -> Mapping[str, list[Object]]:
        found: dict[str, list[Object]] = {}
        for each in self.objects.values():
            if each.table:
                found.setdefault(each.table, []).append(each)
        return found

    @cached_property
    def orders(self) -> Mapping[str, list[str]]:
        """The columns of each table, in their order."""
        places: dict[str, list[tuple[int, str]]] = {}
        for (kind, _), each in self.objects.items():
            if kind == "column":
                places.setdefault(each.table, []).append((each.identity.sub, each.path[-1]))
        return {table: [name for _, name in sorted(columns)] for table, columns in places.items()}


@dataclass(frozen=True)
class Difference:
    """How the second of two catalogs differs from the first in one object.

    Attributes:
        kind: the kind of the object
        name: its qualified name
        change: whether only the second has it (left over), only the first (missing), or both differently
        attributes: name, first value and second value of each attribute that differs
    """

    kind: str
    name: str
    change: Literal["left over", "missing", "different", "column order"]
    attributes: tuple[tuple[str, str | None, str | None], ...] = ()

    @property
    def matters(self) -> bool:
        """Whether it is more than another order of columns, a validation, or a label that PostgreSQL cannot remove."""
        return not (self.change == "column order" or self.is_only_validation or self.added_labels)

    @property
    def is_only_validation(self) -> bool:
        """Whether a constraint, or NOT NULL, is only valid in one of them: NOT VALID, it holds for new rows as well.

        PostgreSQL has no statement that undoes a validation.
        """
        changed = {name: values for name, *values in self.attributes}
        of_column = changed.pop("not null validated", [])
        if changed.pop("validated", of_column) not in (
            ["false", "true"],
            ["true", "false"],
            ["false", None],
            [None, "false"],
        ):
            return False
        before, after = changed.pop("definition", ("", ""))
        return not changed and (before or "").removesuffix(_NOT_VALID) == (after or "").removesuffix(_NOT_VALID)

    @property
    def is_validated_now(self) -> bool:
        """Whether the second catalog has the valid constraint, if that is the only difference."""
        return self.is_only_validation and all(
            after != "false" for name, _, after in self.attributes if "valid" in name
        )

    @property
    def added_labels(self) -> tuple[str, ...]:
        """The labels that only the second enum has, if that is the only difference; with their quotes."""
        if self.change != "different" or [name for name, _, _ in self.attributes] != ["labels"]:
            return ()
        before, after = (_LABEL.findall(value or "") for value in self.attributes[0][1:])
        return tuple(each for each in after if each not in before) if _without(after, before) == before else ()


def _without(labels: list[str], known: list[str]) -> list[str]:
    return [each for each in labels if each in known]


@dataclass(frozen=True)
class Change:
    """What happened to one object between two catalogs.

    Attributes:
        kind: the kind of the object
        before: the object in the first catalog; None for a new one
        after: the object in the second catalog; None if it is gone
        change: what happened; `moved` means to another schema
    """

    kind: str
    before: Object | None
    after: Object | None
    change: Literal["new", "gone", "renamed", "moved", "altered"]


NOTHING = Object("", "", Identity("", 0, 0), {})
TABLES = ("table", "partitioned table")
RELATIONS = (*TABLES, "foreign table", "view", "materialized view")
WITH_COLUMNS = (*RELATIONS, "composite type")
TYPES = ("type", "enum", "domain", "range", "composite type")
ROUTINES = ("function", "procedure", "aggregate")
