"""The order in which the objects of a catalog can be created: sorted, and changed only where one needs another.

The order is that of schemas, kinds and names. An object that is needed earlier moves up to where it is needed. What a
part of a table needs may need the table itself, such as a function in a policy: the part then follows that. A foreign
key to a table further down comes at the end.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property

from sqlmigrate.catalog.objects import RELATIONS, ROUTINES, Identity, Object
from sqlmigrate.identifiers import plain, plain_parts

from . import statements, tables
from .base_types import shell
from .bodies import may_be_named, words_checked
from .pieces import Block, Piece, default_of
from .rights import title
from .schema import Schema

# Objects that no schema contains: those that others need come first, those that need others come last.
_FIRST = ("extension", "language", "access method", "foreign data wrapper", "foreign server", "user mapping")
_KINDS = (
    "schema", "collation", "enum", "domain", "composite type", "range", "type", "function", "procedure", "aggregate",
    "operator", "operator family", "operator class", "conversion", "text search dictionary",
    "text search configuration", "sequence", "table", "view", "materialized view", "function on relations",
)  # fmt: skip
_LAST = (
    "cast", "publication", "subscription", "default privileges", "database", "setting", "event trigger",
)  # fmt: skip
AT_THE_END = ("foreign key", "last", "attach")


@dataclass(frozen=True)
class Section:
    """Statements that stand together.

    Attributes:
        block: all statements of the object
        pieces: those of them that stand here
        is_first: whether the object is created here; false for what follows later
        is_shell: whether a type is only announced here, because its own functions need it
    """

    block: Block
    pieces: tuple[Piece, ...]
    is_first: bool = True
    is_shell: bool = False


def in_order(schema: Schema, *, with_owner: bool = False) -> tuple[Section, ...]:
    """Return the statements that create everything in a schema, in an order that can be executed.

    Args:
        schema: The schema.
        with_owner: Whether there are statements for the owners, too.
    """
    graph = _Graph(schema)
    if mutual := frozenset(graph.mutual_bodies()):
        graph = _Graph(replace(schema, unchecked=schema.unchecked | mutual))
    return _Order(graph, with_owner=with_owner).sections()


class _Graph:
    """The objects that stand alone, and which of them each needs."""

    def __init__(self, schema: Schema) -> None:
        self.schema, self.catalog, self._needs = schema, schema.catalog, schema.needs
        self.things = {each.identity: each for each in self.catalog.objects.values() if statements.stands_alone(each)}
        self._by_name = {each.name: identity for identity, each in self.things.items() if each.table}
        self._wholes = dict(self._all_wholes())
        self._all = self._needed_by_each()
        self._reached: dict[Identity, frozenset[Identity]] = {}

    def of(self, identities: Iterable[Identity], own: Identity) -> set[Identity]:
        """Return what parts of an object need, without the object itself."""
        needed = (each for identity in identities for each in self._needs.get(identity, ()))
        found = {self._wholes[each] for each in needed if each in self._wholes}
        return found - {own}

    def core(self, block: Block) -> set[Identity]:
        """Return what the statements need that create an object."""
        own = block.thing.identity
        pieces = (piece for piece in block.pieces if piece.role == "core")
        return self.of((each for piece in pieces for each in piece.of), own) | self._words(block.thing)

    def reached(self, start: Identity) -> frozenset[Identity]:
        """Return everything that an object needs, and what that needs."""
        if start not in self._reached:
            self._reached[start] = _closure(start, self._all)
        return self._reached[start]

    def apart(self, table: Object) -> frozenset[Identity]:
        """Return the constraints and defaults of a table that need what needs the table."""
        found = set()
        for each in tables.inner_needs(table, self.catalog):
            if any(table.identity in self.reached(needed) for needed in self.of([each], table.identity)):
                found.add(each)
        return frozenset(found)

    def place(self, identity: Identity) -> tuple[int, str, int, tuple[str, ...], str]:
        """Return where an object stands in the sorted order."""
        thing = self.things[identity]
        if thing.kind in _FIRST:
            return 0, "", _FIRST.index(thing.kind), plain_parts(thing.name), thing.name
        if thing.kind in _LAST:
            name = title(thing, self.catalog)
            return 2, "", _LAST.index(thing.kind), plain_parts(name), name
        kind = "table" if tables.is_table(thing) else thing.kind
        if kind in ROUTINES and any(self.things[each].kind in RELATIONS for each in self.reached(identity)):
            kind = "function on relations"
        return 1, plain(thing.path[0]), _KINDS.index(kind), plain_parts(thing.name), thing.name

    def is_event_trigger(self, identity: Identity) -> bool:
        """Return whether an object is an event trigger, which statements after it call."""
        return self.things[identity].kind == "event trigger"

    def mutual_bodies(self) -> Iterator[int]:
        """Yield the OIDs of the SQL functions whose texts name each other: none can be created first, if checked."""
        calls = {
            identity: {each for each in needed if self.things[each].kind in ROUTINES}
            for identity, needed in self._all.items()
            if self.things[identity].kind in ROUTINES
        }
        for identity in calls:
            if identity in _closure(identity, calls):
                yield identity.oid

    def _all_wholes(self) -> Iterator[tuple[Identity, Identity]]:
        for each in self.catalog.objects.values():
            whole = each.identity if each.identity in self.things else self._by_name.get(each.table)
            if whole is not None:
                yield each.identity, whole
                yield Identity(each.identity.catalog, each.identity.oid, 0), whole
                if each.kind == "column":
                    yield default_of(each), whole

    def _needed_by_each(self) -> Mapping[Identity, set[Identity]]:
        found: dict[Identity, set[Identity]] = {}
        for identity, thing in self.things.items():
            parts = (each.identity for each in statements.parts_of(thing, self.catalog) if each.kind == "column")
            inner = tables.inner_needs(thing, self.catalog) if tables.is_table(thing) else ()
            found[identity] = self.of([identity, *parts, *inner], identity) | self._words(thing)
        return found

    def _words(self, thing: Object) -> set[Identity]:
        """Return what the text of a function names: PostgreSQL checks it, and does not track it."""
        if thing.kind not in ROUTINES or thing.identity.oid in self.schema.unchecked:
            return set()
        named = (self._by_own_name.get(word, ()) for word in words_checked(thing))
        return {each for found in named for each in found} - {thing.identity}

    @cached_property
    def _by_own_name(self) -> Mapping[str, list[Identity]]:
        found: dict[str, list[Identity]] = {}
        for identity, each in self.things.items():
            if may_be_named(each):
                found.setdefault(plain(each.path[-1]), []).append(identity)
        return found


def _closure(start: Identity, needs: Mapping[Identity, set[Identity]]) -> frozenset[Identity]:
    """Return everything that an object needs, and what that needs; itself only where that leads back to it."""
    found: set[Identity] = set()
    waiting = [start]
    while waiting:
        new = needs.get(waiting.pop(), set()) - found
        found |= new
        waiting += new
    return frozenset(found)


@dataclass
class _Order:
    graph: _Graph
    with_owner: bool = field(kw_only=True)
    _done: set[Identity] = field(default_factory=set)
    _begun: set[Identity] = field(default_factory=set)  # and not done
    _sections: list[Section] = field(default_factory=list)
    _at_the_end: list[tuple[Block, Piece]] = field(default_factory=list)

    def sections(self) -> tuple[Section, ...]:
        for identity in sorted(self.graph.things, key=self.graph.place):
            if not self.graph.is_event_trigger(identity):
                self._create(identity)
        self._rest()
        for identity in sorted(filter(self.graph.is_event_trigger, self.graph.things), key=self.graph.place):
            self._create(identity)  # it would be called for each statement that follows
        return tuple(self._sections)

    def _create(self, identity: Identity) -> None:
        """Write an object, after what it needs and is not written yet."""
        if identity in self._begun or identity in self._done:
            return
        self._begun.add(identity)
        thing, graph = self.graph.things[identity], self.graph
        apart = graph.apart(thing) if tables.is_table(thing) else ()
        block = statements.block(thing, graph.schema, apart, with_owner=self.with_owner)
        needed = sorted(graph.core(block), key=graph.place)
        for each in needed:
            if graph.things[each].kind == "schema":
                self._create(each)
        if announced := shell(thing):
            self._sections.append(Section(block, (Piece(announced),), is_first=False, is_shell=True))
        for each in needed:
            self._create(each)
        parts = [piece for piece in block.pieces if piece.role == "part"]
        self._create_missing({each for piece in parts for each in self._missing(piece, identity)})
        self._begun.remove(identity)
        self._done.add(identity)
        now, later = list[Piece](), list[Piece]()
        for piece in block.pieces:
            (later if piece.role in ("last", "attach") or self._missing(piece, identity) else now).append(piece)
        self._sections.append(Section(block, tuple(now)))
        self._at_the_end += [(block, piece) for piece in later if piece.role in AT_THE_END]
        self._continue(block, [piece for piece in later if piece.role not in AT_THE_END])

    def _create_missing(self, missing: Iterable[Identity]) -> None:
        """Write what parts need, unless it needs an object that is begun, and waits for that."""
        for each in sorted(missing, key=self.graph.place):
            if self.graph.reached(each).isdisjoint(self._begun):
                self._create(each)

    def _missing(self, piece: Piece, own: Identity) -> set[Identity]:
        return set() if piece.role == "core" else self.graph.of(piece.of, own) - self._done

    def _continue(self, block: Block, pieces: list[Piece]) -> None:
        """Write the parts of an object for which something is missing: that first, unless it has to wait itself."""
        own, found = block.thing.identity, list[Piece]()
        for piece in pieces:
            self._create_missing(self._missing(piece, own))
            if self._missing(piece, own):
                self._at_the_end.append((block, piece))
            else:
                found.append(piece)
        if found:
            self._sections.append(Section(block, tuple(found), is_first=False))

    def _rest(self) -> None:
        """Write what had to wait for the end, by object; indexes are attached when all of them are there."""
        blocks = {id(block): block for block, _ in self._at_the_end}
        ordered = sorted(blocks.values(), key=lambda block: self.graph.place(block.thing.identity))
        for is_attached in (False, True):
            for block in ordered:
                waiting = (piece for of, piece in self._at_the_end if of is block)
                if pieces := tuple(piece for piece in waiting if (piece.role == "attach") == is_attached):
                    self._sections.append(Section(block, pieces, is_first=False))
