"""Compares two catalogs, by name or by identity.

`differences` compares by name: what up and down have left. `changes` compares by identity (the OID): it distinguishes a
renamed object from a dropped and a new one.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Literal

from sqlmigrate.identifiers import IDENTIFIER

from .expressions import are_alike, is_printed
from .objects import NOTHING, Catalog, Change, Difference, Identity, Object


def differences(before: Catalog, after: Catalog) -> tuple[Difference, ...]:
    """Return the differences of two catalogs by name; a different order of columns is a difference of its own.

    The parts of a table or type that only one of the catalogs has are left out: they come and go with it.
    """
    return (*_by_name(before.objects, after.objects), *_reordered(before, after))


def _by_name(before: Mapping[tuple[str, str], Object], after: Mapping[tuple[str, str], Object]) -> Iterator[Difference]:
    wholes = {name for _, name in before.keys() ^ after.keys()}
    changed = {key for key in before.keys() | after.keys() if before.get(key) is not after.get(key)}
    for key in sorted(changed, key=lambda key: (_is_part(before.get(key) or after[key]), *key)):
        if key[0] == "enum label":  # the enum has its labels as an attribute
            continue
        old, new = before.get(key), after.get(key)
        if old is not None and new is not None:
            if found := changed_attributes(old, new):
                is_order = new.kind.endswith("view") and _has_same_lines(found)
                yield Difference(*key, "column order") if is_order else Difference(*key, "different", found)
        elif not (_is_part(thing := old or after[key]) and thing.table in wholes):
            yield Difference(*key, "missing" if old else "left over")


def _is_part(thing: Object) -> bool:
    return thing.table not in ("", thing.name)


def _reordered(before: Catalog, after: Catalog) -> Iterator[Difference]:
    """Compare the order of the columns that both catalogs have."""
    for name, columns in before.orders.items():
        others = after.orders.get(name, [])
        is_view = after.tables.get(name, NOTHING).kind.endswith("view")  # its text gives the order
        if columns != others and not is_view:
            common = set(columns) & set(others)
            if [each for each in columns if each in common] != [each for each in others if each in common]:
                yield Difference(after.tables[name].kind, name, "column order")


def _has_same_lines(found: Sequence[tuple[str, str | None, str | None]]) -> bool:
    """Return whether only the query of a view differs, and only in the order of its lines: each column has its own."""
    ((name, before, after), *others) = found
    return name == "view" and not others and _lines(before or "") == _lines(after or "")


def _lines(query: str) -> list[str]:
    return sorted(line.strip().removeprefix("SELECT ").rstrip(",;") for line in query.splitlines())


def changed_attributes(old: Object, new: Object) -> tuple[tuple[str, str | None, str | None], ...]:
    """Return name, first and second value of each attribute in which two objects differ."""
    was, now = old.attributes, new.attributes
    if old is new or was == now:
        return ()
    names = sorted(was.keys() | now.keys())
    pairs = ((name, was.get(name), now.get(name)) for name in names)
    return tuple(
        (name, before, after)
        for name, before, after in pairs
        if not _is_same(before, after, is_printed(old.kind, name))
    )


def _is_same(old: str | None, new: str | None, printed: bool) -> bool:  # noqa: FBT001 - of one caller
    """Return whether two values are the same, except for the moment that 'now' stood for when they were executed.

    What PostgreSQL has printed may be the same in two forms. Other texts, above all the body of a function, are the
    user's: each character counts.
    """
    if old is None or new is None or old == new or not printed:
        return old == new
    return are_alike(_MOMENT.sub("", old), _MOMENT.sub("", new))


# A constant with a fraction of a second, as PostgreSQL keeps it in the place of 'now'.
# https://www.postgresql.org/docs/current/datatype-datetime.html#DATATYPE-DATETIME-SPECIAL-VALUES
_MOMENT = re.compile(r"'[^']*\d:\d\d:\d\d\.\d+[^']*'(?=::time)")


# A change of a column's type and REINDEX CONCURRENTLY create these again: with the same definition they are unchanged.
_REBUILT = ("index", "constraint", "statistics")

_OWN = re.compile(rf"({IDENTIFIER}|'(?:[^']|'')*')(?:$|\(| using )")
_TOKEN = re.compile(rf"'(?:[^']|'')*'|{IDENTIFIER}(?:\.{IDENTIFIER})*")
_ALIAS = re.compile(rf"(?<= AS ){IDENTIFIER}")
_AS_ITSELF = re.compile(rf"(?<![\w$])({IDENTIFIER}) AS \1(?![\w$])")


def changes(before: Catalog, after: Catalog) -> tuple[Change, ...]:
    """Return what happened to each object, by identity: a renamed object is the same with another name."""
    old, new = before.by_identity, after.by_identity
    other_types = _other_types(before, after)
    pairs = ((was, new[identity]) for identity, was in old.items() if identity in new)
    kept = [(was, now) for was, now in pairs if was is not now or other_types]  # most are the same value
    names = _Names(kept)
    gone = [each for identity, each in old.items() if identity not in new]
    made = [each for identity, each in new.items() if identity not in old]
    rebuilt = _rebuilt(_children(gone, before), _children(made, after), names)
    return (
        *(Change(each.kind, each, None, "gone") for each in gone if each.identity not in rebuilt),
        *(change for was, now in kept for change in _kept(was, now, names, other_types)),
        *(Change(each.kind, None, each, "new") for each in made if each.identity not in rebuilt),
    )


def _kept(was: Object, now: Object, names: _Names, other_types: Collection[str]) -> Iterator[Change]:
    if was.name != now.name and (named := _renamed(was, now)):
        yield Change(now.kind, was, now, named)
    if was.kind != now.kind or names.differ(was, now) or _has_other_type(was, now, other_types):
        yield Change(now.kind, was, now, "altered")


def _other_types(before: Catalog, after: Catalog) -> frozenset[str]:
    """Return the names of the types that another type has now."""
    now = {name: each.identity for (_, name), each in after.objects.items() if each.identity.catalog == "pg_type"}
    old = (each for each in before.objects.values() if each.identity.catalog == "pg_type")
    return frozenset(each.name for each in old if now.get(each.name, each.identity) != each.identity)


def _has_other_type(was: Object, now: Object, other_types: Collection[str]) -> bool:
    """Return whether a column has another type under the same name, although its text is the same."""
    name = was.attributes.get("type") or ""
    return name == now.attributes.get("type") and name.removesuffix("[]") in other_types


def _renamed(was: Object, now: Object) -> Literal["renamed", "moved"] | None:
    """Return "renamed" or "moved"; None if only the name of its table, type or schema changed."""
    if _own_name(was) != _own_name(now):
        return "renamed"
    follows = _is_part(now) and now.kind != "statistics"
    return None if follows or was.path[:-1] == now.path[:-1] else "moved"


def _own_name(thing: Object) -> str:
    """Return the own name of an object: for a function without its arguments, for a cast the empty string."""
    name = _OWN.match(thing.path[-1])
    return name[1] if name else ""


class _Names:
    """The names that changed, so that definitions which differ in nothing else are recognised as the same."""

    def __init__(self, kept: Iterable[tuple[Object, Object]]) -> None:
        self._now: dict[str, str] = {}
        for was, now in kept:
            if was.name != now.name and (old := _own_name(was)):
                new = _own_name(now)
                if len(was.path) == len(now.path) == 2:  # noqa: PLR2004 - a schema, and its own
                    self._now[f"{was.path[0]}.{old}"] = f"{now.path[0]}.{new}"
                if old != new:
                    self._now |= {old: new, old.strip("'"): new.strip("'")}

    def differ(self, was: Object, now: Object) -> bool:
        """Tell whether the definitions differ in more than the names that changed."""
        return any(not self._is_same_text(old or "", new or "") for _, old, new in changed_attributes(was, now))

    def _is_same_text(self, old: str, new: str) -> bool:
        """Compare two texts; function bodies and comments keep the old names."""
        expected = self._translated(old)
        return expected in (self._without_old_names(new), self._translated(new))

    def _translated(self, text: str) -> str:
        """Return a text of the first catalog with the names of the second."""
        if not self._now or text in self._now:
            return self._now.get(text, text)
        return _AS_ITSELF.sub(r"\1", _TOKEN.sub(self._new_name, text))

    def _without_old_names(self, text: str) -> str:
        """Return a text of the second catalog without the old names: a view keeps giving them to its columns."""
        if not self._now:
            return text
        return _AS_ITSELF.sub(r"\1", _ALIAS.sub(lambda alias: self._now.get(alias[0], alias[0]), text))

    def _new_name(self, token: re.Match[str]) -> str:
        text = token[0]
        if text in self._now:
            return self._now[text]
        if text.startswith("'"):
            return f"'{_TOKEN.sub(self._new_name, text[1:-1])}'"
        parts = re.findall(IDENTIFIER, text)
        head = self._now.get(".".join(parts[:2]))
        names = [self._now.get(each, each) for each in (parts[2:] if head else parts)]
        return ".".join([head, *names] if head else names)


_Child = tuple[str, Identity, str]


def _children(things: Iterable[Object], catalog: Catalog) -> Mapping[_Child, Object]:
    """Return the objects that may have been rebuilt, by kind, table and own name."""
    found: dict[_Child, Object] = {}
    for each in things:
        if each.kind in _REBUILT and (table := catalog.tables.get(each.table)):
            found[each.kind, table.identity, each.path[-1]] = each
    return found


def _rebuilt(gone: Mapping[_Child, Object], made: Mapping[_Child, Object], names: _Names) -> set[Identity]:
    pairs = [(gone[key], made[key]) for key in gone.keys() & made.keys()]
    return {each.identity for pair in pairs if not names.differ(*pair) for each in pair}
