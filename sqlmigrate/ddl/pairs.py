"""An object as it was and as it is, and the statements for attributes that every kind has."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from sqlmigrate.catalog.objects import Catalog, Object
from sqlmigrate.catalog.sql_rare import UNSEEN

from . import rights
from .columns import storage_options
from .created import Statement, impossible
from .foreign import HIDDEN, values
from .targets import commented, owner, target

Handler = Callable[["Pair"], Iterator[Statement]]


@dataclass(frozen=True)
class Pair:
    """An object in two catalogs.

    Attributes:
        was: the object as it was
        now: the object as it is
        then: the catalog that there was
        current: the catalog that there is
    """

    was: Object
    now: Object
    then: Catalog
    current: Catalog

    @property
    def alter(self) -> str:
        """The beginning of a statement that alters it: ``ALTER TABLE app.orders``."""
        return f"ALTER {target(self.was)}"

    def old(self, name: str) -> str | None:
        """Return an attribute as it was."""
        return self.was.attributes.get(name)

    def new(self, name: str) -> str | None:
        """Return an attribute as it is."""
        return self.now.attributes.get(name)

    def are_same(self, *names: str) -> bool:
        """Return whether these attributes are unchanged."""
        return all(self.old(name) == self.new(name) for name in names)

    @property
    def relation(self) -> Object:
        """The relation, as it was, that it is a part of."""
        return self.then.tables[self.was.table]


def nothing(_pair: Pair) -> Iterator[Statement]:
    """Yield nothing: another attribute or another object brings it along."""
    return iter(())


def storage(pair: Pair, alter: str, name: str = "options", prefix: str = "") -> Iterator[Statement]:
    """Yield the statements that put storage options back; `alter` is what stands before SET and RESET."""
    old, new = (_by_name(each, prefix) for each in (pair.old(name), pair.new(name)))
    if changed := [f"{key}={value}" for key, value in old.items() if new.get(key) != value]:
        yield Statement(f"{alter} SET ({storage_options(', '.join(changed))})")
    if added := [key for key in new if key not in old]:
        yield Statement(f"{alter} RESET ({', '.join(added)})")


def _by_name(options: str | None, prefix: str) -> dict[str, str]:
    pairs = (each.partition("=") for each in (options or "").split(", ") if each)
    return {prefix + name: value for name, _, value in pairs}


def foreign_options(pair: Pair, alter: str, name: str = "options") -> Iterator[Statement]:
    """Yield the statement that puts options of a foreign object back, except those that are hidden."""
    if UNSEEN in (pair.old(name), pair.new(name)):
        yield impossible(pair.was, f"{name}: a role that may not see them has compared")
        return
    old, new = values(pair.old(name)), values(pair.new(name))
    words = [f"DROP {key}" for key in new if key not in old]
    for key, value in old.items():
        if value.startswith(HIDDEN):
            if new.get(key) != value:
                yield impossible(pair.was, f"option {key}: it may be a secret, and was not kept")
        elif new.get(key) != value:
            words.append(f"{'SET' if key in new else 'ADD'} {key} {value}")
    if words:
        yield Statement(f"{alter} OPTIONS ({', '.join(words)})")


def _owner(pair: Pair) -> Iterator[Statement]:
    if statement := owner(pair.was):
        yield Statement(statement)


def _rights(pair: Pair) -> Iterator[Statement]:
    of = None
    if pair.was.kind == "column":
        of = pair.current.tables.get(pair.now.table, pair.relation), pair.relation
    yield from map(Statement, rights.changed(pair.now, pair.was, of))


def _comment(pair: Pair) -> Iterator[Statement]:
    yield Statement(commented(pair.was, pair.old("comment")))


# In this order: rights depend on the owner.
FIRST: Mapping[str, Handler] = {"owner": _owner}
LAST: Mapping[str, Handler] = {"acl": _rights, "owner maintains": _rights, "comment": _comment}
