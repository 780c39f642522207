"""Which relation has the name of an old one after a file: the same, or another one that the file has put in its place.

The running application knows names. A swap gives it another object, without what belonged to the old one: a rename and
then another object under the old name, SET SCHEMA under the old name, or DROP and CREATE.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

from sqlmigrate.catalog.objects import RELATIONS, Catalog, Object
from sqlmigrate.identifiers import IDENTIFIER, last_part, plain
from sqlmigrate.review.measure.facts import RoundTrip

_NAME = re.compile(IDENTIFIER)
VIEWS = ("view", "materialized view")


@dataclass(frozen=True)
class Successor:
    """A relation that existed before the new migrations, and the one that has its name after a file.

    Attributes:
        before: the relation before the file; before all new files if an earlier one has taken its name away
        after: the relation that has the name now; if there is none, the same relation under its new name
        was: the catalog that `before` is in
        now: the catalog that `after` is in
        base: the catalog before the first of the new migrations
    """

    before: Object
    after: Object
    was: Catalog
    now: Catalog
    base: Catalog

    @property
    def is_other(self) -> bool:
        """Whether another relation has the name now."""
        return self.before.identity != self.after.identity

    @property
    def old(self) -> Object | None:
        """The old relation where it is now; None if it is gone."""
        return self.now.by_identity.get(self.before.identity)

    @cached_property
    def gone_columns(self) -> Sequence[str]:
        """The names of the old columns that the relation no longer has, renamed ones left out."""
        after = self.now.parts_of(self.after, "column")
        names, kept = {each.path[-1] for each in after}, {each.identity for each in after}
        old = (each for each in self.was.parts_of(self.before, "column") if each.identity in self.base.by_identity)
        gone = (each for each in old if each.path[-1] not in names)
        return [last_part(each.name) for each in gone if self.is_other or each.identity not in kept]

    def uses_gone_column(self, text: str) -> bool:
        """Return whether a definition names a column that the relation no longer has."""
        words = {plain(word) for word in _NAME.findall(text)}
        return any(column in words for column in self.gone_columns)

    @cached_property
    def columns(self) -> Sequence[tuple[Object, Object]]:
        """The columns that are other ones under an old name: before, after.

        Those of another relation, and those that took the name of a renamed or dropped column of the same relation.
        """
        after = {each.path[-1]: each for each in self.now.parts_of(self.after, "column")}
        known = self.base.by_identity
        pairs = ((each, after.get(each.path[-1])) for each in self.was.parts_of(self.before, "column"))
        return [
            (old, new)
            for old, new in pairs
            if new is not None and new.identity != old.identity and old.identity in known
        ]


def successors(trip: RoundTrip) -> Iterator[Successor]:
    """Return the old relations that a file changed or replaced, in the order of their names."""
    if trip.after is None:
        return
    base, was, now = trip.base or trip.before, trip.before, trip.after
    touched = {thing.table for each in trip.changes for thing in (each.before, each.after) if thing}
    for name in sorted(touched | (base.tables.keys() - was.tables.keys())):
        source = was if name in was.tables else base
        before = source.tables.get(name)
        if before is None or before.kind not in RELATIONS or before.identity not in base.by_identity:
            continue
        after = now.tables.get(name) or now.by_identity.get(before.identity)
        if after is not None and after.kind in RELATIONS and (source is was or name in now.tables):
            yield Successor(before, after, source, now, base)
