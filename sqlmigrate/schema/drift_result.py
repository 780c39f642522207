"""What `drift` has found, in the form in which all formats show it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import groupby

from sqlmigrate.catalog.drift import NotCompared
from sqlmigrate.catalog.objects import Catalog, Difference, Object
from sqlmigrate.errors import SqlmigrateError
from sqlmigrate.operations.drift import Compared, Report, changed_objects, owner_of
from sqlmigrate.spelling import plural
from sqlmigrate.times import moment

WHO = "PostgreSQL does not record who did it. These roles have the right to:"
COMPARED = "compared, with columns and constraints"
_WORDS = {"left over": "left over", "missing": "missing", "different": "different", "column order": "different"}


@dataclass(frozen=True)
class Item:
    """An object that differs.

    Attributes:
        change: ``left over``, ``missing`` or ``different``
        kind: the kind of the object
        name: its qualified name
        table: the table or type that it belongs to; empty if there is none
        attributes: name, expected and found value of each attribute that differs
        rights: role, expected and found rights of each role whose rights differ; empty if they cannot be told in words
        definition: the statements that create it, if it is left over or missing
        owner: the role that owns it; None if the server knows none
        written: when its row in the system catalogs was last written, if the server knows and it was after the snapshot
    """

    change: str
    kind: str
    name: str
    table: str = ""
    attributes: tuple[tuple[str, str | None, str | None], ...] = ()
    rights: tuple[tuple[str, str | None, str | None], ...] = ()
    definition: tuple[str, ...] = ()
    owner: str | None = None
    written: datetime | None = None

    @property
    def shown(self) -> Iterator[tuple[str, str | None, str | None]]:
        """The attributes as people read them: rights by role, not as the server keeps them."""
        for each in self.attributes:
            if each[0] == "acl" and self.rights:
                yield from ((f"rights of {role}", before, after) for role, before, after in self.rights)
            else:
                yield each


@dataclass(frozen=True)
class Result:
    """What `drift` has found.

    Attributes:
        database: the database and its address
        against: what it was compared with, in words; empty if there is nothing to compare with
        version: the version that this belongs to; None if there is none
        taken_at: when the snapshot was taken; None for files
        problem: why nothing could be compared, or not everything; None if it could
        items: the objects that differ, those of one table together
        not_compared: what could not be compared
        ignored: how many differences the settings leave out
        notes: what else the user has to know
        could: who could have made the changes, by owner
        superusers: the superusers that can log in
        objects: how many objects were compared
        compared: the comparison; None if nothing could be compared
        has_history: whether there is a history, so that a snapshot can be kept
    """

    database: str
    against: str
    version: str | None = None
    taken_at: datetime | None = None
    problem: SqlmigrateError | None = None
    items: tuple[Item, ...] = ()
    not_compared: tuple[NotCompared, ...] = ()
    ignored: int = 0
    notes: tuple[str, ...] = ()
    could: Mapping[str, tuple[str, ...]] | None = None
    superusers: tuple[str, ...] = ()
    objects: int = 0
    compared: Compared | None = None
    has_history: bool = True

    @property
    def groups(self) -> Iterator[tuple[str, list[Item]]]:
        """The objects of each table; those that belong to no table come last, under an empty name."""
        ordered = sorted(self.items, key=lambda each: (not each.table, each.table, each.name != each.table))
        for table, items in groupby(ordered, key=lambda each: each.table):
            yield table, list(items)

    @property
    def counts(self) -> str:
        """How many objects differ, and how."""
        found = [
            (sum(each.change == change for each in self.items), change) for change in dict.fromkeys(_WORDS.values())
        ]
        counts = ", ".join(f"{count:,} {change}" for count, change in found if count)
        return f"{plural(len(self.items), 'object')} differ{'s' * (len(self.items) == 1)}: {counts}"


def of_snapshot(report: Report) -> Result:
    """Return the result of a comparison with the last snapshot."""
    compared, snapshot = report.compared, report.compared.snapshot
    version = snapshot.tie.version if snapshot else None
    taken_at = snapshot.taken_at if snapshot else None
    after = f"of {version}" if version else "of the last run"
    against = f"the snapshot {after}" + (f", {moment(taken_at)}" if taken_at else "") if snapshot else ""
    result = Result(
        report.state.server.where,
        against,
        version,
        taken_at,
        compared.problem,
        objects=len(compared.now.catalog.objects),
        has_history=report.state.history.exists,
    )
    return with_drift(result, report)


def with_drift(result: Result, report: Report) -> Result:
    """Return a result with what was found, if anything could be compared."""
    drift, authors = report.compared.drift, report.authors
    if drift is None:
        return result
    things = list(changed_objects(drift.differences, report.compared))
    items = tuple(
        _item(each, thing, report, result.taken_at) for each, thing in zip(drift.differences, things, strict=True)
    )
    owners = {each.owner for each in items if each.owner}
    return replace(
        result,
        items=items,
        not_compared=drift.not_compared,
        ignored=drift.ignored,
        notes=(*result.notes, *unused_notes(drift.unused), *(_neighbours(report) if items else ())),
        could={owner: authors.members.get(owner, ()) for owner in sorted(owners)} if authors else None,
        superusers=authors.superusers if authors else (),
        compared=report.compared,
    )


def _item(found: Difference, thing: Object, report: Report, since: datetime | None) -> Item:
    from sqlmigrate.ddl.created import definition  # noqa: PLC0415 - only if something differs

    compared, authors, attributes = report.compared, report.authors, found.attributes
    if found.change == "column order":
        attributes = (("column order", None, None),)
    written = authors.written.get(thing.identity) if authors else None
    is_later = written is not None and since is not None and written >= since.replace(microsecond=0)
    catalog = compared.now.catalog if found.change == "left over" else compared.before
    is_whole = found.change in ("left over", "missing") and catalog is not None
    return Item(
        _WORDS[found.change],
        found.kind,
        found.name,
        thing.table,
        attributes,
        tuple(_rights(found, compared)),
        definition(thing, catalog) if is_whole and catalog else (),
        owner_of(thing, compared),
        written if is_later else None,
    )


def _rights(found: Difference, compared: Compared) -> Iterator[tuple[str, str | None, str | None]]:
    """Yield the roles whose rights on an object differ, with the expected and the found rights."""
    from sqlmigrate.ddl.rights import by_role  # noqa: PLC0415 - only if something differs

    values = next((each[1:] for each in found.attributes if each[0] == "acl"), None)
    if values is None or compared.before is None:
        return
    sides = []
    for catalog, acl in zip((compared.before, compared.now.catalog), values, strict=True):
        thing = catalog.objects[found.kind, found.name]
        held = replace(thing, attributes={**thing.attributes, "acl": acl})
        sides.append(by_role(held, catalog.tables.get(thing.table)))
    before, after = sides
    for role in sorted({*before, *after}):
        if before.get(role) != after.get(role):
            yield role, before.get(role), after.get(role)


def _neighbours(report: Report) -> Iterator[str]:
    """Name the other histories in the schema of ours: what they have executed is among the differences."""
    for schema, name in report.compared.now.found.others:
        if schema == report.state.history.schema:
            yield f"what the history {schema}.{name} has executed is shown here, too"


def sql_of(result: Result) -> str:
    """Return the statements that put back what differs, for a DBA to read; empty if nothing does."""
    from sqlmigrate.catalog import stored  # noqa: PLC0415 - only for --sql
    from sqlmigrate.ddl.alter import restoration  # noqa: PLC0415 - only for --sql
    from sqlmigrate.ddl.script import script  # noqa: PLC0415 - only for --sql

    compared = result.compared
    if not result.items or compared is None or compared.before is None or compared.drift is None:
        return ""
    now = stored.catalog_of(compared.now.text)
    statements = restoration(compared.before, now, compared.drift.differences, is_same_database=False)
    what = "what the files make" if compared.snapshot is None else "what it was"
    return script(statements, what, [*_partitioned(compared.before), *_partitioned(now)])


def _partitioned(catalog: Catalog) -> Iterator[str]:
    """Name the partitioned tables and their indexes."""
    for table in catalog.of_kind("partitioned table"):
        yield table.name
        yield from (f"{each.path[0]}.{each.path[-1]}" for each in catalog.parts_of(table, "index"))


def unused_notes(unused: Sequence[str]) -> Iterator[str]:
    """Say which entries of the settings match nothing."""
    for each in unused:
        yield f"drift_ignore: `{each}` matches no object"


def who(result: Result) -> Iterator[str]:
    """Name the roles that have the right to make the changes; nothing that the server does not know."""
    counts = Counter(each.owner for each in result.items)
    for owner, members in (result.could or {}).items():
        others = [each for each in members if each != owner]
        all_of = counts[owner] == len(result.items)
        owns = f"the owner of {'all' if all_of else counts[owner]} of them" if len(result.items) > 1 else "the owner"
        if owner in members:
            yield f"{owner}, {owns}" + (f"; its members {', '.join(others)}" if others else "")
        elif others:
            yield f"{', '.join(others)} (member{'s' * (len(others) > 1)} of {owner}, {owns})"
    if result.could is not None and result.superusers:
        yield f"superusers: {', '.join(result.superusers)}"


def not_compared_lines(result: Result) -> Iterator[str]:
    """Say what was not compared, and why."""
    unseen = [f"{each.attribute} of {each.kind} {each.name}" for each in result.not_compared if each.is_unseen]
    if unseen:
        yield f"not compared, because the role may not see it: {', '.join(unseen)}"
    written = [f"{each.kind} {each.name} ({each.attribute})" for each in result.not_compared if not each.is_unseen]
    if written:
        yield f"not compared, because the two versions of PostgreSQL write it differently: {', '.join(written)}"
