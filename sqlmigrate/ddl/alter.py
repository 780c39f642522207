"""The statements that make objects what they were: for a DBA to read and to choose from, never executed by us."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property

from sqlmigrate.catalog.compare import changed_attributes, differences as differences_of
from sqlmigrate.catalog.objects import NOTHING, RELATIONS, Catalog, Difference, Object

from . import mentions, statements
from .alter_parts import PARTS
from .alter_rare import RARE_ATTRIBUTES
from .alter_tables import TABLES, views_on
from .created import Statement, created, dropped, foreign_keys, impossible, order_of_columns, recreated, whole
from .pairs import FIRST, LAST, Handler, Pair
from .renamed import Renames, by_content, by_identity

_VIEWS = ("view", "materialized view")
_ATTRIBUTES: Mapping[str, Mapping[str, Handler]] = {**TABLES, **PARTS, **RARE_ATTRIBUTES}
# In this order objects are created and altered; left over ones are dropped in the opposite order.
_KINDS = (
    "extension", "language", "access method", "foreign data wrapper", "foreign server", "user mapping", "schema",
    "collation", "enum", "enum label", "domain", "composite type", "range", "type", "domain constraint", "sequence",
    "table", "partitioned table", "foreign table", "column", "identity sequence", "function", "procedure", "aggregate",
    "operator", "operator family", "operator class", "conversion", "text search dictionary",
    "text search configuration", "constraint", "foreign key", "index", "statistics", "view", "materialized view",
    "trigger", "rule", "policy", "cast", "publication", "subscription", "default privileges", "database", "setting",
    "event trigger",
)  # fmt: skip


def restoration(
    then: Catalog, now: Catalog, differences: Iterable[Difference], *, is_same_database: bool
) -> list[Statement]:
    """Return the statements that put back what differs, in an order that can be executed.

    Args:
        then: The catalog that there was.
        now: The catalog that there is.
        differences: What differs; other objects, and other attributes of these, stay as they are.
        is_same_database: Whether the identities of both catalogs are of one database: what is renamed keeps its own.
    """
    wanted, found = [*differences], list[Statement]()
    for find in (by_identity,) if is_same_database else (by_content,) * 3:
        renames = find(then, now, [(each.kind, each.name) for each in wanted])
        if renames.pairs:
            found += renames.statements()
            now = renames.undone(now)
            wanted = _still_wanted(wanted, renames, then, now)
    return [*dict.fromkeys((*found, *_Restoration(then, now, tuple(wanted)).statements()))]


def _still_wanted(wanted: Iterable[Difference], renames: Renames, then: Catalog, now: Catalog) -> list[Difference]:
    """Return what of the differences is left after renaming, and what differs in what was renamed."""
    old = {(each.kind, each.name): each for each in wanted}
    names = {(was.kind, was.name) for was, _ in renames.pairs}
    wholes = {was.name for was, _ in renames.pairs}
    found = []
    for each in differences_of(then, now):
        key = each.kind, each.name
        thing = then.objects.get(key) or now.objects[key]
        if key in names or thing.table in wholes:
            found.append(each)
        elif key in old:
            asked = [name for name, *_ in old[key].attributes]
            found.append(
                replace(each, attributes=tuple(one for one in each.attributes if one[0] in asked or not asked))
            )
    return found


@dataclass(frozen=True)
class _Restoration:
    then: Catalog
    now: Catalog
    differences: tuple[Difference, ...]

    def statements(self) -> Iterator[Statement]:
        """Yield the statements: other parents, what is left over, what was, what is left over and was needed so far."""
        for pair in self._kept:
            if _has_other_parents(pair):
                yield from self._restored(pair)
        yield from self._before()
        left_over = mentions.in_order(self._left_over, lambda each: _text(each, self.now, with_keys=True))[::-1]
        yield from self._without(each for each in left_over if each not in self._needed)
        yield from self._as_it_was()
        yield from self._without(each for each in left_over if each in self._needed)
        for each in self.differences:
            if each.change == "column order" and not each.kind.endswith("view"):
                yield order_of_columns(self.now.objects[each.kind, each.name])

    def _before(self) -> Iterator[Statement]:
        """Yield the statements that drop what is created again, and what needs it."""
        for pair in reversed(_sorted(self._dropped_first)):
            needing = views_on(pair.now, self.now) if pair.now.kind in _VIEWS else []
            yield from self._without((*reversed(needing), pair.now))

    def _without(self, things: Iterable[Object]) -> Iterator[Statement]:
        for each in things:
            yield from restore(None, each, self.then, self.now)

    def _as_it_was(self) -> Iterator[Statement]:
        kept = [each for each in self._kept if not _has_other_parents(each)]
        new = {each.was.name for each in kept if self._is_recreated(each)}
        later: list[Statement] = []
        for pair in _sorted([*kept, *self._missing]):
            if pair.was.table == pair.was.name or pair.was.table not in new:
                yield from self._put_back(pair, later)
        yield from later

    def _put_back(self, pair: Pair, later: list[Statement]) -> Iterator[Statement]:
        """Yield the statements of one object; the foreign keys of a new table come later."""
        keys = foreign_keys(pair.was, self.then) if pair.now is NOTHING and pair.was.kind in RELATIONS else []
        if keys:
            yield from (
                Statement(each, holds_data=True, gives=pair.was.name)
                for each in whole(pair.was, self.then, self.now, with_keys=False)
            )
            later += [each for key in keys for each in created(key, self.then, self.now)]
        else:
            yield from self._restored(pair)

    @cached_property
    def _keys(self) -> list[tuple[str, str]]:
        return [*dict.fromkeys((each.kind, each.name) for each in self.differences)]

    @cached_property
    def _left_over(self) -> list[Object]:
        things = (self.now.objects[key] for key in self._keys if key not in self.then.objects)
        return sorted(things, key=lambda each: _place(each, self.now))

    @cached_property
    def _needed(self) -> list[Object]:
        """What is left over and can only be dropped when other objects are put back: columns have its type."""
        wholes = {each.called: each for each in self._left_over if statements.stands_alone(each)}
        missing = {each.was.called for each in self._missing}
        kept = [pair for pair in self._kept if pair not in self._dropped_first and pair.was.kind != "publication"]
        text = " ".join(value or "" for pair in kept for value in pair.now.attributes.values())
        found: list[Object] = []
        waiting = mentions.names(text)
        while waiting:
            new = [wholes[name] for name in waiting & wholes.keys() - missing if wholes[name] not in found]
            found += new
            schemas = {each.path[0] for each in new}
            waiting = (
                schemas.union(*(mentions.names(_text(each, self.now, with_keys=True)) for each in new))
                if new
                else set()
            )
        return found

    @cached_property
    def _dropped_first(self) -> list[Pair]:
        """The foreign keys and views that are created again: what they lead to can be dropped and altered then."""
        found = (each for each in self._kept if each.was.kind in _VIEWS or each.now.is_foreign_key)
        return [each for each in found if self._is_recreated(each)]

    @cached_property
    def _kept(self) -> list[Pair]:
        keys = (key for key in self._keys if key in self.then.objects and key in self.now.objects)
        pairs = (Pair(self.then.objects[key], self.now.objects[key], self.then, self.now) for key in keys)
        return [each for each in pairs if not _has_other_whole(each)]

    @cached_property
    def _missing(self) -> list[Pair]:
        things = (self.then.objects[key] for key in self._keys if key not in self.now.objects)
        return [Pair(each, NOTHING, self.then, self.now) for each in things]

    def _is_recreated(self, pair: Pair) -> bool:
        """Return whether an object is dropped and created with all its parts."""
        made = created(pair.was, self.then, self.now)
        return bool(made) and made[0] in self._restored(pair)

    def _restored(self, pair: Pair) -> list[Statement]:
        """Return the statements for the attributes of an object that are to be put back."""
        if pair.now is NOTHING:
            return created(pair.was, self.then, self.now)
        return [*dict.fromkeys(_altered(pair, self._attributes[pair.was.kind, pair.was.name]))]

    @cached_property
    def _attributes(self) -> Mapping[tuple[str, str], Collection[str]]:
        found: dict[tuple[str, str], set[str]] = {}
        for each in self.differences:
            is_order = each.change == "column order" and each.kind.endswith("view")  # its query says it
            names = ["view"] if is_order else [name for name, *_ in each.attributes]
            found.setdefault((each.kind, each.name), set()).update(names)
        return found


def _text(thing: Object, catalog: Catalog, *, with_keys: bool = False) -> str:
    """Return a text that contains the names of what an object needs."""
    if statements.stands_alone(thing):
        return "\n".join(whole(thing, catalog, Catalog({}), with_keys=with_keys))
    return " ".join(filter(None, [*thing.attributes.values(), thing.table]))


def _sorted(pairs: Iterable[Pair]) -> list[Pair]:
    """Sort pairs by kind and name; what is missing comes after what it names."""
    by_thing = {id(each.was): each for each in sorted(pairs, key=lambda each: _place(each.was, each.then))}
    things = [each.was for each in by_thing.values()]
    ordered = mentions.in_order(things, lambda each: _text(each, by_thing[id(each)].then))
    return [by_thing[id(each)] for each in ordered]


def restore(was: Object | None, now: Object | None, then: Catalog, current: Catalog) -> list[Statement]:
    """Return the statements that make one object what it was.

    Args:
        was: The object as it was; None if there was none.
        now: The object as it is, under the same name; None if it is missing.
        then: The catalog that there was.
        current: The catalog that there is.
    """
    if was is None:
        return [] if now is None or now.kind == "enum label" else dropped(now, then, current)
    if now is None:
        return [] if was.kind == "enum label" else created(was, then, current)
    pair = Pair(was, now, then, current)
    return [*dict.fromkeys(_altered(pair, [name for name, *_ in changed_attributes(now, was)]))]


def _altered(pair: Pair, names: Collection[str]) -> Iterator[Statement]:
    """Yield the statements for attributes that differ; all together, if one of them needs a new object."""
    own = {**FIRST, **LAST, **_ATTRIBUTES.get(pair.was.kind, {})}
    if unknown := [name for name in names if name not in own]:
        if pair.was.kind in (*RELATIONS, "column") and pair.was.kind != "foreign table":
            yield impossible(pair.was, f"{', '.join(unknown)}: it would have to be created again, with its rows")
        else:
            yield from recreated(pair.was, pair.now, pair.then, pair.current)
            return
    for name in sorted(names, key=lambda name: (name not in FIRST, name in LAST, name != "type", name)):
        if name in own:
            yield from own[name](pair)


def _has_other_parents(pair: Pair) -> bool:
    """Return whether a table has other parents: as long as it is a partition, its indexes cannot be dropped."""
    return pair.was.kind in RELATIONS and not pair.are_same("parents", "partition bound")


def _has_other_whole(pair: Pair) -> bool:
    """Return whether the table of a part is missing, or is a view now: the part comes with it."""
    table = pair.was.table
    if pair.was.name == table or table not in pair.then.tables:
        return False
    now = pair.current.tables.get(table)
    return now is None or (pair.now.table == table and now.kind != pair.then.tables[table].kind)


def _place(thing: Object, catalog: Catalog) -> tuple[int, str]:
    kind = "foreign key" if thing.is_foreign_key else thing.kind
    column = catalog.objects.get(("column", thing.attributes.get("owned by") or ""))
    if column is not None and column.attributes.get("identity"):
        kind = "identity sequence"
    return _KINDS.index(kind), thing.name
