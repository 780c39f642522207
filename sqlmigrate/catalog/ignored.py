"""Entries such as ``partition public.events_*``: which objects, or whose rights, are left out of a comparison."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from sqlmigrate.identifiers import displayed

from .objects import ROUTINES, TABLES, TYPES, WITH_COLUMNS, Catalog, Difference, Object

_RIGHTS, _PARTITION, _ANY, _SCHEMA = "acl", "partition", "*", "schema"
KINDS = (
    *dict.fromkeys((*WITH_COLUMNS, *TYPES, *ROUTINES)),
    *("column", "constraint", "index", "sequence", "trigger", "rule", "policy", "statistics", "domain constraint"),
    *("database", "setting", "extension", "publication", "subscription", "default privileges", "event trigger"),
    *("foreign data wrapper", "foreign server", "user mapping", "access method", "language", "cast", "conversion"),
    *("collation", "operator", "operator class", "operator family"),
    *("text search configuration", "text search dictionary"),
    *(_SCHEMA, _PARTITION, _RIGHTS, _ANY),
)
_BY_LENGTH = sorted(KINDS, key=len, reverse=True)


@dataclass(frozen=True)
class Entry:
    """An entry of a list.

    Attributes:
        text: the entry as it was written
        kind: a kind of object; ``partition``; ``*`` for every kind; ``acl`` for the rights of a role
        name: the name of the object or the role; ``*`` stands for any characters
    """

    text: str
    kind: str
    name: str

    @cached_property
    def _pattern(self) -> re.Pattern[str]:
        return re.compile(".*".join(map(re.escape, self.name.split("*"))), re.DOTALL)

    def names(self, name: str) -> bool:
        """Tell whether it means this name, with or without the schema `public`."""
        return any(self._pattern.fullmatch(each) for each in (name, displayed(name)))

    def matches(self, thing: Object, whole: Object) -> bool:
        """Tell whether it leaves out an object, or the relation or type that the object is a part of."""
        if self.kind == _SCHEMA:
            return (thing.kind == _SCHEMA or len(thing.path) > 1) and self.names(thing.path[0])
        return any(self._is_kind(each) and self.names(each.name) for each in (thing, whole))

    def _is_kind(self, thing: Object) -> bool:
        if self.kind == _PARTITION:
            return "partition bound" in thing.attributes
        return self.kind in (_ANY, thing.kind) or (self.kind == "table" and thing.kind in TABLES)

    def without_rights(self, rights: str | None) -> list[str]:
        """Return what is left of the text of an ACL without what the role has."""
        return [each for each in (rights or "").split(" ") if not self.names(_grantee(each))]


def entry(text: str) -> Entry | None:
    """Read an entry: a kind and a name, ``table public.a*``; None if it does not begin with a known kind."""
    words = " ".join(text.split())
    kind = next((each for each in _BY_LENGTH if words.startswith(f"{each} ")), None)
    return None if kind is None else Entry(text, kind, words[len(kind) + 1 :])


def _grantee(item: str) -> str:
    """Return whom an item of an ACL (``anna=r/shop``) gives rights; the empty string is PUBLIC."""
    return item.partition("=")[0]


@dataclass(frozen=True)
class Sifted:
    """Differences without those that are ignored.

    Attributes:
        differences: the differences that are left
        ignored: how many were left out
        unused: the entries that match no object of the two catalogs
    """

    differences: tuple[Difference, ...]
    ignored: int
    unused: tuple[str, ...]


def sift(found: Sequence[Difference], entries: Sequence[Entry], before: Catalog, after: Catalog) -> Sifted:
    """Leave out the differences that an entry matches."""
    if not entries:
        return Sifted(tuple(found), 0, ())
    kept = tuple(filter(None, (_kept(each, entries, (before, after)) for each in found)))
    unused = tuple(each.text for each in entries if not _is_used(each, (before, after)))
    return Sifted(kept, len(found) - len(kept), unused)


def _kept(found: Difference, entries: Sequence[Entry], catalogs: Sequence[Catalog]) -> Difference | None:
    """Return a difference, perhaps without the rights that are ignored; None if it is ignored."""
    things = [(each, catalog) for catalog in catalogs if (each := catalog.objects.get((found.kind, found.name)))]
    rights = [each for each in entries if each.kind == _RIGHTS]
    others = [each for each in entries if each.kind != _RIGHTS]
    if any(each.matches(thing, _whole(thing, catalog)) for each in others for thing, catalog in things):
        return None
    if found.change != "different" or not rights:
        return found
    left = tuple(each for each in found.attributes if each[0] != "acl" or _differs(each[1], each[2], rights))
    return replace(found, attributes=left) if left else None


def _whole(thing: Object, catalog: Catalog) -> Object:
    return catalog.tables.get(thing.table, thing)


def _differs(before: str | None, after: str | None, entries: Iterable[Entry]) -> bool:
    """Tell whether two texts of an ACL differ in the rights of other roles than those.

    A missing text means the rights that the owner and PUBLIC have without any grant.
    """
    old, new = (before or "").split(" "), (after or "").split(" ")
    for each in entries:
        old, new = each.without_rights(" ".join(old)), each.without_rights(" ".join(new))
    if before is None or after is None:
        granted = old if after is None else new
        return any(_grantee(item) not in ("", _grantor(item)) for item in granted)
    return sorted(old) != sorted(new)


def _grantor(item: str) -> str:
    return item.rpartition("/")[2]


def _is_used(tried: Entry, catalogs: Collection[Catalog]) -> bool:
    """Tell whether an entry matches an object; an entry for rights, whether its role has any."""
    if tried.kind == _RIGHTS:
        return any(tried.names(_grantee(item)) for each in _rights(catalogs) for item in each.split(" "))
    return any(tried.matches(each, _whole(each, catalog)) for catalog in catalogs for each in catalog.objects.values())


def _rights(catalogs: Iterable[Catalog]) -> Iterator[str]:
    attributes: Iterable[Mapping[str, str | None]] = (
        each.attributes for catalog in catalogs for each in catalog.objects.values()
    )
    return (rights for each in attributes if (rights := each.get("acl")))
