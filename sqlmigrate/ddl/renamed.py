"""Objects that have another name, or are in another schema, than they had.

They are recognised by their identity, or by their content where the identities are those of another database. The rest
is compared as if they had their old names again: definitions contain the names of other objects.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from sqlmigrate.catalog.objects import NOTHING, RELATIONS, TABLES, Catalog, Object
from sqlmigrate.identifiers import IDENTIFIER

from .created import HOLD_DATA, Statement
from .parts import is_of_constraint
from .targets import target, without_method

_PARTS = ("column", "constraint", "domain constraint", "trigger", "rule", "policy")
_KEPT = ("cast", "user mapping", "default privileges", "setting", "operator", "enum label", "database")
_CLASSES = ("operator family", "operator class")
# A view keeps giving a column its own name, also when the column of the table has another one.
_ALIAS = re.compile(rf" AS {IDENTIFIER}")
_OF_SERVERS = ("user mapping", "foreign table")


@dataclass(frozen=True)
class Renames:
    """What was renamed or moved.

    Attributes:
        pairs: each object as it was and as it is, wholes before their parts
        olds: what the objects of the catalog that there is were, by their kinds and present names
        is_guess: whether they were recognised by what they contain
    """

    pairs: Sequence[tuple[Object, Object]] = ()
    olds: Mapping[tuple[str, str], Object] = field(default_factory=dict)
    is_guess: bool = False

    def statements(self) -> Iterator[Statement]:
        """Yield the statements that give all objects their old names."""
        for was, now in self.pairs:
            if not self._goes_with_constraint(now):
                said = f"-- {now.kind} {now.name} looks like {was.name}, renamed\n" if self.is_guess else ""
                for each in _statements(was, now, self._schemas):
                    yield Statement(said + each, now.kind in (*HOLD_DATA, "schema"), gives=was.name)
                    said = ""

    def undone(self, now: Catalog) -> Catalog:
        """Return a catalog as it is when the statements are executed."""
        objects = (self._with_old_names(each) for each in now.objects.values())
        return Catalog({(each.kind, each.name): each for each in objects})

    @property
    def _schemas(self) -> Mapping[str, str]:
        return {now.name: was.name for was, now in self.pairs if was.kind == "schema"}

    def _goes_with_constraint(self, now: Object) -> bool:
        constraints = ((each.table, each.path[-1]) for _, each in self.pairs if each.kind == "constraint")
        return now.kind == "index" and (now.table, now.path[-1]) in constraints

    def _with_old_names(self, thing: Object) -> Object:
        was = self.olds.get((thing.kind, thing.name), NOTHING)
        own = {now.path[-1]: old.path[-1] for old, now in self.pairs if self._is_named_in(thing, now)}
        names = self._names(thing, own)
        attributes = {name: _with_names(text, names) for name, text in thing.attributes.items()}
        if was.kind == thing.kind:
            if _without_aliases(attributes.get("view")) == _without_aliases(was.attributes.get("view")):
                attributes |= {name: was.attributes[name] for name in ("view",) if name in was.attributes}
            return replace(thing, name=was.name, path=was.path, table=was.table, attributes=attributes)
        path = tuple(_with_names(each, names) or "" for each in thing.path)
        name, table = (_with_names(each, names) or "" for each in (thing.name, thing.table))
        return replace(thing, name=name, path=path, table=table, attributes=attributes)

    def _is_named_in(self, thing: Object, now: Object) -> bool:
        """Return whether a definition contains the own name of a renamed object, without its schema."""
        if now.kind == "foreign server":
            return thing.kind in _OF_SERVERS
        is_own = now.kind in (*_PARTS, "index", "function", "procedure") and thing.whole == now.whole
        return is_own or (now.kind == "column" and any(now.table in (text or "") for text in thing.attributes.values()))

    def _names(self, thing: Object, own: Mapping[str, str]) -> Mapping[str, str]:
        """Return the old names of what the definition of an object may contain."""
        names = {
            _called(now): _called(was)
            for was, now in self.pairs
            if len(now.path) > 1 and now.kind not in _PARTS and _may_name(thing, now)
        }
        names |= {_plain(new): _plain(old) for new, old in own.items()}
        return names | {f"{new}.": f"{old}." for new, old in self._schemas.items()}


def _without_aliases(query: str | None) -> str:
    return _ALIAS.sub("", query or "")


def _may_name(thing: Object, now: Object) -> bool:
    """Return whether a definition may name another object; a class and its family often have the same name."""
    return now.kind not in _CLASSES or thing.kind not in _CLASSES or (now.kind, thing.kind) == _CLASSES


def _with_names(text: str | None, names: Mapping[str, str]) -> str | None:
    if not text or not names:
        return text
    ordered = sorted(names, key=len, reverse=True)
    pattern = "|".join(re.escape(each) + ("" if each.endswith(".") else r'(?![\w$"])') for each in ordered)
    return re.sub(rf'(?<![\w$"])(?:(?<!\.)|(?<=[\w"]\.))(?:{pattern})', lambda match: names[match[0]], text)


def by_identity(then: Catalog, now: Catalog, keys: Iterable[tuple[str, str]]) -> Renames:
    """Find what was renamed or moved among the objects of one database that differ, and among their parts."""
    named = {*keys}
    both = (
        (then.by_identity[each.identity], each) for each in now.objects.values() if each.identity in then.identities
    )
    same = [(was, one) for was, one in both if was.kind == one.kind and _is_as_much(was, one, then, now)]
    kept = [(was, one) for was, one in same if was.kind not in _KEPT and was.name != one.name]
    schemas = {one.name: was.name for was, one in kept if was.kind == "schema"}
    own = [pair for pair in kept if _is_own(*pair, schemas)]
    taken = _names_taken(now)
    found = [pair for pair in own if _differs(*pair, named, then) and _named(pair[0]) not in taken]
    renamed = {one.identity for _, one in found}
    left_out = {one.identity for _, one in own if not {one.identity, one.whole} & renamed}
    found.sort(key=lambda pair: (pair[0].kind in _PARTS, pair[0].kind != "schema", pair[0].name))
    olds = {(one.kind, one.name): was for was, one in same if not {one.identity, one.whole} & left_out}
    return Renames(tuple(found), olds)


def by_content(then: Catalog, now: Catalog, keys: Iterable[tuple[str, str]]) -> Renames:
    """Find what looks as if it was renamed and is not to be created again: schemas, or relations, or columns.

    An object that is missing and one that is left over are taken for the same if only these two have that content.
    """
    wanted = [*keys]
    taken = _names_taken(now)
    missing = [
        each for each in (then.objects[key] for key in wanted if key in then.objects) if _named(each) not in taken
    ]
    left_over = [now.objects[key] for key in wanted if key not in then.objects]
    for content in (_of_schema, _of_whole, _of_column):
        old, new = _unique(missing, then, content), _unique(left_over, now, content)
        if pairs := tuple((old[each], new[each]) for each in old.keys() & new.keys()):
            olds = {key: then.objects[key] for key in then.objects.keys() & now.objects.keys()}
            olds |= {key: was for pair in pairs for key, was in _olds(*pair, then, now)}
            return Renames(tuple(sorted(pairs, key=lambda pair: pair[0].name)), olds, is_guess=True)
    return Renames()


def _names_taken(catalog: Catalog) -> set[tuple[str, str]]:
    return {_named(each) for each in catalog.objects.values()}


def _named(thing: Object) -> tuple[str, str]:
    """Return the name of an object, with what it must differ from: relations, indexes and sequences share names."""
    is_relation = thing.kind in (*RELATIONS, "index", "sequence", "composite type")
    return "relation" if is_relation else thing.kind, thing.name


_Content = tuple[object, ...]


def _unique(
    things: Iterable[Object], catalog: Catalog, content: Callable[[Object, Catalog], _Content | None]
) -> dict[_Content, Object]:
    found: dict[_Content, list[Object]] = {}
    for each in things:
        if (key := content(each, catalog)) is not None:
            found.setdefault(key, []).append(each)
    return {key: one for key, (one, *others) in found.items() if not others}


def _of_schema(thing: Object, catalog: Catalog) -> _Content | None:
    if thing.kind != "schema":
        return None
    inside = sorted((each.kind, *each.path[1:]) for each in catalog.objects.values() if each.path[0] == thing.name)
    return tuple(inside) if len(inside) > 1 else None


def _of_whole(thing: Object, catalog: Catalog) -> _Content | None:
    have = thing.attributes
    if thing.kind in (*TABLES, "foreign table", "composite type"):
        columns = sorted(catalog.parts_of(thing, "column"), key=lambda each: each.identity.sub)
        return (thing.kind, *((each.path[-1], each.attributes.get("type")) for each in columns)) if columns else None
    if thing.kind in ("view", "materialized view"):
        return thing.kind, have.get("view"), *sorted(each.path[-1] for each in catalog.parts_of(thing, "column"))
    if thing.kind in ("enum", "domain"):
        return thing.kind, have.get("labels"), have.get("base")
    if (thing.kind == "sequence" and not have.get("owned by")) or thing.kind in (*_CLASSES, "foreign server"):
        return thing.kind, *sorted(have.items(), key=str)
    return None


def _of_column(thing: Object, catalog: Catalog) -> _Content | None:
    """Return the place and the type of a column."""
    if thing.kind != "column":
        return None
    return thing.table, catalog.orders[thing.table].index(thing.path[-1]), thing.attributes.get("type")


def _olds(was: Object, now: Object, then: Catalog, current: Catalog) -> Iterator[tuple[tuple[str, str], Object]]:
    """Yield what a renamed object and its parts were, by their kinds and present names."""
    yield (now.kind, now.name), was
    if was.kind == "schema":
        inside = {(each.kind, *each.path[1:]): each for each in then.objects.values() if each.path[0] == was.name}
        for each in current.objects.values():
            if each.path[0] == now.name and (old := inside.get((each.kind, *each.path[1:]))):
                yield (each.kind, each.name), old
    elif was.kind != "column":
        parts = {(each.kind, each.path[-1]): each for each in then.objects.values() if each.table == was.name}
        for each in current.objects.values():
            if each.table == now.name and each is not now and (old := parts.get((each.kind, each.path[-1]))):
                yield (each.kind, each.name), old


def _is_as_much(was: Object, now: Object, then: Catalog, current: Catalog) -> bool:
    """Return whether an index that became one of a constraint, or ceased to be, is left out: its name is that."""
    return was.kind != "index" or is_of_constraint(was, then) == is_of_constraint(now, current)


def _is_own(was: Object, now: Object, schemas: Mapping[str, str]) -> bool:
    """Return whether an object itself has another name or schema, not only what it is a part of."""
    return _own(was) != _own(now) or (
        was.kind not in _PARTS and len(was.path) > 1 and schemas.get(now.path[0], now.path[0]) != was.path[0]
    )


def _differs(was: Object, now: Object, named: set[tuple[str, str]], then: Catalog) -> bool:
    whole = then.by_identity.get(was.whole, NOTHING)
    return {(was.kind, was.name), (now.kind, now.name)} <= named or (
        was.kind in _PARTS and (whole.kind, whole.name) in named
    )


def _statements(was: Object, now: Object, schemas: Mapping[str, str]) -> Iterator[str]:
    old, new = _own(was), _own(now)
    if was.kind in ("column", "constraint", "domain constraint"):
        word = "CONSTRAINT" if was.kind.endswith("constraint") else "COLUMN"
        table = f"DOMAIN {was.table}" if was.kind.startswith("domain") else f"TABLE {was.table}"
        yield f"ALTER {table} RENAME {word} {new} TO {old}"
        return
    if was.kind in _PARTS:
        now = replace(now, table=was.table)
    if len(now.path) > 1 and now.kind not in _PARTS:
        schema = schemas.get(now.path[0], now.path[0])
        now = replace(now, name=f"{schema}.{now.path[-1]}", path=(schema, now.path[-1]))
    if old != new:
        yield f"ALTER {target(now)} RENAME TO {old}"
    if now.kind not in _PARTS and len(now.path) > 1 and was.path[0] != now.path[0]:
        moved = replace(now, name=f"{now.path[0]}.{was.path[-1]}", path=(now.path[0], was.path[-1]))
        yield f"ALTER {target(moved)} SET SCHEMA {was.path[0]}"


def _own(thing: Object) -> str:
    """Return the own name of an object, without arguments and without an access method."""
    if thing.kind in _CLASSES:
        return without_method(thing).removeprefix(f"{thing.path[0]}.")
    return _plain(thing.path[-1])


def _plain(name: str) -> str:
    return name.partition("(")[0]


def _called(thing: Object) -> str:
    return f"{thing.path[0]}.{_own(thing)}"
