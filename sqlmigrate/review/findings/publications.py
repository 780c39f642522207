"""Findings of logical replication: tables that are no longer published, or that block writes because they are.

https://www.postgresql.org/docs/current/logical-replication-publication.html
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from sqlmigrate.catalog.objects import Catalog, Object
from sqlmigrate.identifiers import IDENTIFIER, displayed, parent
from sqlmigrate.review.rules import guarantees
from sqlmigrate.review.rules.rule import Finding
from sqlmigrate.source import Span

from .subject import Subject

_TABLE = re.compile(rf"(?:^|, )({IDENTIFIER}\.{IDENTIFIER})(?=$|, | \(| WHERE )")


def find(subject: Subject) -> Iterator[Finding]:
    """Return these findings of an up file."""
    before, after = subject.trip.before, subject.trip.after
    if after is None or not any(kind == "publication" for kind, _ in (*before.objects, *after.objects)):
        return
    yield from _without_identity(subject, before, after)
    yield from _unpublished(subject, before, after)


def _publications(catalog: Catalog) -> Iterator[Object]:
    return (each for (kind, _), each in catalog.objects.items() if kind == "publication")


def _names(publication: Object) -> set[str]:
    return set(_TABLE.findall(publication.attributes.get("tables") or ""))


# replica identity


def _without_identity(subject: Subject, before: Catalog, after: Catalog) -> Iterator[Finding]:
    for name, table in sorted(after.tables.items()):
        if table.kind != "table" or not subject.is_old(table.identity.oid) or not _blocks_writes(after, table):
            continue
        old = before.by_identity.get(table.identity)
        if old is None or not _blocks_writes(before, old):
            message = f"`{displayed(name)}` is published without a replica identity: each UPDATE and DELETE fails"
            place = subject.place_of_first(*_keys(before, table), table)
            yield subject.finding(guarantees.REPLICA_IDENTITY_MISSING, place, message)


def _keys(catalog: Catalog, table: Object) -> list[Object]:
    """Return what may have been the replica identity of a table."""
    old = catalog.by_identity.get(table.identity)
    keys = (
        [
            each
            for each in catalog.parts_of(old, "constraint", "index")
            if "PRIMARY KEY" in each.definition or each.attributes.get("replica identity")
        ]
        if old
        else []
    )
    return [*keys, *_publications(catalog)]


def _blocks_writes(catalog: Catalog, table: Object) -> bool:
    return not _has_identity(catalog, table) and any(
        _publishes(catalog, each, table) for each in _publications(catalog)
    )


def _has_identity(catalog: Catalog, table: Object) -> bool:
    """Return whether PostgreSQL can say which row an UPDATE or DELETE changed."""
    setting = table.attributes.get("replica identity")
    if setting == "index":
        return any(each.attributes.get("replica identity") for each in catalog.parts_of(table, "index"))
    definitions = [each.definition for each in catalog.parts_of(table, "constraint")]
    has_key = any(each.startswith("PRIMARY KEY") and " DEFERRABLE" not in each for each in definitions)
    return setting == "full" or (setting is None and has_key)


def _publishes(catalog: Catalog, publication: Object, table: Object) -> bool:
    """Return whether a publication has the UPDATEs or DELETEs of a table, or of the one that it is a partition of."""
    attributes = publication.attributes
    if not {"update", "delete"} & {*(attributes.get("publishes") or "").split(", ")}:
        return False
    if attributes.get("all tables"):
        return True
    schemas = (attributes.get("schemas") or "").split(", ")
    while table:
        if table.name in _names(publication) or parent(table.name) in schemas:
            return True
        above = catalog.tables.get(table.attributes.get("parents") or "")
        if above is None or not table.attributes.get("partition bound"):
            return False
        table = above
    return False


# what is no longer published


def _unpublished(subject: Subject, before: Catalog, after: Catalog) -> Iterator[Finding]:
    known = subject.trip.base.identities if subject.trip.base else before.identities
    now = {each.identity: each for each in _publications(after)}
    for publication in _publications(before):
        name = displayed(publication.name)
        left = now.get(publication.identity)
        if publication.identity not in known:
            continue
        if left is None:
            message = f"the publication `{name}` is dropped: its subscribers get no more changes"
            yield subject.finding(guarantees.NO_LONGER_PUBLISHED, subject.place_of_first(publication), message)
            continue
        everything = bool(left.attributes.get("all tables"))
        for table in sorted(_names(publication) - _names(left)) if not everything else ():
            if table in after.tables and parent(table) not in (left.attributes.get("schemas") or "").split(", "):
                message = f"`{displayed(table)}` is no longer in the publication `{name}`"
                message += ": its subscribers get no more changes of it"
                yield subject.finding(
                    guarantees.NO_LONGER_PUBLISHED, _place(subject, publication, table, after), message
                )


def _place(subject: Subject, publication: Object, table: str, after: Catalog) -> Span:
    """Return the place of the statement that changed the publication, or gave the name of the table to another one."""
    changed = {each.before.identity for each in subject.changes("publication", "altered") if each.before}
    is_altered = publication.identity in changed
    return subject.place_of_first(publication) if is_altered else subject.place_of_name(after.tables[table])
