"""The values of a catalog: objects with attributes, differences by name, changes by identity."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Literal, NamedTuple


class Identity(NamedTuple):
    """What an object is, whatever it is called: its catalog, OID and column."""

    catalog: str
    oid: int
    sub: int


@dataclass(frozen=True)
class Object:
    """One object: `name` is qualified and quoted as needed, ``public.orders.total`` for a column.

    `path` are the parts of the name, `table` what it goes with when that is dropped: itself, for a table.
    """

    kind: str
    name: str
    identity: Identity
    attributes: Mapping[str, str | None]
    path: tuple[str, ...] = ()
    table: str = ""


@dataclass(frozen=True)
class Catalog:
    """All objects, by kind and name."""

    objects: Mapping[tuple[str, str], Object]

    @cached_property
    def tables(self) -> Mapping[str, Object]:
        """What has columns, by name."""
        return {name: each for (kind, name), each in self.objects.items() if kind in WITH_COLUMNS}

    @cached_property
    def identities(self) -> frozenset[Identity]:
        """What is there, whatever it is called."""
        return frozenset(each.identity for each in self.objects.values())

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
    """What is otherwise in the second of two catalogs; `attributes` are name, before, after."""

    kind: str
    name: str
    change: Literal["left over", "missing", "different", "column order"]
    attributes: tuple[tuple[str, str | None, str | None], ...] = ()


@dataclass(frozen=True)
class Change:
    """What became of one object; `moved` is to another schema."""

    kind: str
    before: Object | None
    after: Object | None
    change: Literal["new", "gone", "renamed", "moved", "altered"]


NOTHING = Object("", "", Identity("", 0, 0), {})
WITH_COLUMNS = ("table", "partitioned table", "view", "materialized view", "foreign table", "composite type")
