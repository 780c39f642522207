"""Compares two catalogs, by name or by identity.

By name, two catalogs are compared after up and down. By identity (the OID), a renamed object is told from an object
that is gone and a new one.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Literal

from sqlmigrate.identifiers import IDENTIFIER

from .objects import NOTHING, Catalog, Change, Difference, Identity, Object


def differences(before: Catalog, after: Catalog) -> tuple[Difference, ...]:
    """Tell what is otherwise after a way there and back, by name; another order of columns is told apart.

    What a table or type is made of comes and goes with it; it is not named besides.
    """
    return (*_by_name(before.objects, after.objects), *_reordered(before, after))


def _by_name(before: Mapping[tuple[str, str], Object], after: Mapping[tuple[str, str], Object]) -> Iterator[Difference]:
    wholes = {name for _, name in before.keys() ^ after.keys()}
    changed = {key for key in before.keys() | after.keys() if before.get(key) is not after.get(key)}
    for key in sorted(changed, key=lambda key: (_is_part(before.get(key) or after[key]), *key)):
        if key[0] == "enum label":  # which are an attribute of their enum besides
            continue
        old, new = before.get(key), after.get(key)
        if old is not None and new is not None:
            if found := _attributes(old, new):
                yield Difference(*key, "different", found)
        elif not (_is_part(thing := old or after[key]) and thing.table in wholes):
            yield Difference(*key, "missing" if old else "left over")


def _is_part(thing: Object) -> bool:
    return thing.table not in ("", thing.name)


def _reordered(before: Catalog, after: Catalog) -> Iterator[Difference]:
    """Compare the order of the columns that are there before and after."""
    for name, columns in before.orders.items():
        others = after.orders.get(name, [])
        if columns != others and not after.tables.get(name, NOTHING).kind.endswith("view"):  # whose text says it
            common = set(columns) & set(others)
            if [each for each in columns if each in common] != [each for each in others if each in common]:
                yield Difference(after.tables[name].kind, name, "column order")


def _attributes(old: Object, new: Object) -> tuple[tuple[str, str | None, str | None], ...]:
    was, now = old.attributes, new.attributes
    if old is new or was == now:
        return ()
    names = sorted(was.keys() | now.keys())
    return tuple((name, was.get(name), now.get(name)) for name in names if was.get(name) != now.get(name))


# A change of a column's type, or REINDEX CONCURRENTLY, makes these anew; with nothing changed, they are what they were.
_REBUILT = ("index", "constraint", "statistics")

_OWN = re.compile(rf"({IDENTIFIER}|'(?:[^']|'')*')(?:$|\(| using )")
_TOKEN = re.compile(rf"'(?:[^']|'')*'|{IDENTIFIER}(?:\.{IDENTIFIER})*")
_ALIAS = re.compile(rf"(?<= AS ){IDENTIFIER}")
_AS_ITSELF = re.compile(rf"(?<![\w$])({IDENTIFIER}) AS \1(?![\w$])")


def changes(before: Catalog, after: Catalog) -> tuple[Change, ...]:
    """Tell what became of each object, by identity: a renamed one is the same under another name."""
    old = {each.identity: each for each in before.objects.values()}
    new = {each.identity: each for each in after.objects.values()}
    kept = [(was, new[identity]) for identity, was in old.items() if identity in new]
    names = _Names(kept)
    gone = [each for identity, each in old.items() if identity not in new]
    made = [each for identity, each in new.items() if identity not in old]
    rebuilt = _rebuilt(_children(gone, before), _children(made, after), names)
    return (
        *(Change(each.kind, each, None, "gone") for each in gone if each.identity not in rebuilt),
        *(change for was, now in kept for change in _kept(was, now, names)),
        *(Change(each.kind, None, each, "new") for each in made if each.identity not in rebuilt),
    )


def _kept(was: Object, now: Object, names: _Names) -> Iterator[Change]:
    if was.name != now.name and (named := _renamed(was, now)):
        yield Change(now.kind, was, now, named)
    if was.kind != now.kind or names.differ(was, now):
        yield Change(now.kind, was, now, "altered")


def _renamed(was: Object, now: Object) -> Literal["renamed", "moved"] | None:
    """Tell another name from another schema; what is called otherwise because its table or type is, is not renamed."""
    if _own(was) != _own(now):
        return "renamed"
    follows = _is_part(now) and now.kind != "statistics"
    return None if follows or was.path[:-1] == now.path[:-1] else "moved"


def _own(thing: Object) -> str:
    """Give what an object alone is called: of a function without its arguments, of a cast nothing."""
    name = _OWN.match(thing.path[-1])
    return name[1] if name else ""


class _Names:
    """What is called otherwise now, so that a text that only says so is known to be the same."""

    def __init__(self, kept: Iterable[tuple[Object, Object]]) -> None:
        self._now: dict[str, str] = {}
        for was, now in kept:
            if was.name != now.name and (old := _own(was)):
                new = _own(now)
                if len(was.path) == len(now.path) == 2:  # noqa: PLR2004 - a schema, and its own
                    self._now[f"{was.path[0]}.{old}"] = f"{now.path[0]}.{new}"
                if old != new:
                    self._now |= {old: new, old.strip("'"): new.strip("'")}

    def differ(self, was: Object, now: Object) -> bool:
        """Tell whether more than names has changed."""
        return any(not self._says_the_same(old or "", new or "") for _, old, new in _attributes(was, now))

    def _says_the_same(self, old: str, new: str) -> bool:
        """Compare two texts; bodies and comments keep the old names."""
        told = self._renamed(old)
        return told in (self._unnamed(new), self._renamed(new))

    def _renamed(self, text: str) -> str:
        """Give a text of before with every name as it is now."""
        if not self._now or text in self._now:
            return self._now.get(text, text)
        return _AS_ITSELF.sub(r"\1", _TOKEN.sub(self._told, text))

    def _unnamed(self, text: str) -> str:
        """Give a text of now without the old names that a view goes on to give its columns."""
        if not self._now:
            return text
        return _AS_ITSELF.sub(r"\1", _ALIAS.sub(lambda alias: self._now.get(alias[0], alias[0]), text))

    def _told(self, token: re.Match[str]) -> str:
        text = token[0]
        if text in self._now:
            return self._now[text]
        if text.startswith("'"):
            return f"'{_TOKEN.sub(self._told, text[1:-1])}'"
        parts = re.findall(IDENTIFIER, text)
        head = self._now.get(".".join(parts[:2]))
        told = [self._now.get(each, each) for each in (parts[2:] if head else parts)]
        return ".".join([head, *told] if head else told)


_Child = tuple[str, Identity, str]


def _children(things: Iterable[Object], catalog: Catalog) -> Mapping[_Child, Object]:
    """Give what may have been rebuilt, by the table that it is on."""
    found: dict[_Child, Object] = {}
    for each in things:
        if each.kind in _REBUILT and (table := catalog.tables.get(each.table)):
            found[each.kind, table.identity, each.path[-1]] = each
    return found


def _rebuilt(gone: Mapping[_Child, Object], made: Mapping[_Child, Object], names: _Names) -> set[Identity]:
    pairs = [(gone[key], made[key]) for key in gone.keys() & made.keys()]
    return {each.identity for pair in pairs if not names.differ(*pair) for each in pair}
