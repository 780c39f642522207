"""Constraints and indexes that are dropped and created again only to have another name.

PostgreSQL reads the tables again for it, under locks. A rename takes an instant. So this is one finding, with what to
write instead, in the place of all findings of the locks and scans that follow from it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace

from sqlmigrate.catalog.objects import Catalog, Identity, Object
from sqlmigrate.identifiers import IDENTIFIER, displayed, parent, parts
from sqlmigrate.review.measure.facts import RoundTrip
from sqlmigrate.review.measure.lock_modes import blocks
from sqlmigrate.review.rules import altered, constraints, indexes, locks, partitions
from sqlmigrate.review.rules.rule import SEVERITIES, Finding

from .definitions import foreign_key
from .estimates import duration
from .listing import listed, partition_parents, phrases
from .subject import MeasuredStatement, Subject

Renamed = tuple[Object, Object]
_KINDS = ("constraint", "index")
_NAME_OF_INDEX = re.compile(rf"^(CREATE (?:UNIQUE )?INDEX ){IDENTIFIER} ")
# What follows from dropping and creating them, and would not from a rename.
_CONSEQUENCES = frozenset(
    {
        constraints.FOREIGN_KEY_WITHOUT_NOT_VALID,
        constraints.CONSTRAINT_WITHOUT_NOT_VALID,
        constraints.VALIDATE_SAME_TRANSACTION,
        indexes.UNIQUE_CONSTRAINT_BUILDS_INDEX,
        indexes.EXCLUSION_CONSTRAINT,
        indexes.CREATE_INDEX_BLOCKING,
        indexes.PARTITIONED_INDEX_BLOCKING,
        indexes.DROP_INDEX_BLOCKING,
        partitions.DROP_PARTITION_LOCKS_PARENT,
        locks.LOCKS_OTHER_TABLE,
        locks.TWO_EXCLUSIVE_TABLES,
        locks.WORK_UNDER_LOCK,
        altered.FK_WITHOUT_INDEX,
    }
)


def fold(subject: Subject, findings: Sequence[Finding]) -> list[Finding]:
    """Replace the findings that follow from creating something again by one finding; others stay as they are."""
    pairs = created_again(subject.trip)
    statements = statements_of(subject, pairs)
    places = {each.place.start for each in statements}
    following = [
        each
        for each in findings
        if each.rule in _CONSEQUENCES
        and each.span
        and each.path == subject.up.source.path
        and each.span.start in places
    ]
    if not following:
        return list(findings)
    rest = [each for each in findings if each not in following]
    grave = [each for each in following if each.rule is not altered.FK_WITHOUT_INDEX]
    return [*rest, _finding(subject, pairs, statements, grave)] if grave else rest


def statements_of(subject: Subject, pairs: Sequence[Renamed]) -> list[MeasuredStatement]:
    """Return the statements that only drop and create these again, as far as constraints and indexes are concerned."""
    return [each for each in subject.statements if _only_creates_again(each, pairs)] if pairs else []


def created_again(trip: RoundTrip) -> list[Renamed]:
    """Return what a file drops and creates again with the same definition under another name: before, after."""
    if trip.after is None:
        return []
    gone = [each.before for each in trip.changes if each.change == "gone" and each.before and each.kind in _KINDS]
    new = [each.after for each in trip.changes if each.change == "new" and each.after and each.kind in _KINDS]
    known = {_meaning(each, trip.before): each for each in gone if not _is_of_constraint(each, gone)}
    made = {_meaning(each, trip.after): each for each in new if not _is_of_constraint(each, new)}
    return [(known[meaning], each) for meaning, each in made.items() if meaning in known]


def _meaning(thing: Object, catalog: Catalog) -> tuple[str, Identity | None, Identity | None, str]:
    """Return what an object is apart from its name: its kind, its table, the table it references, its definition.

    A name in a definition is not enough: another table may have it now.
    """
    definition = thing.definition.removesuffix(" NOT VALID")
    key = foreign_key(definition) if thing.kind == "constraint" else None
    tables = [catalog.tables.get(name) for name in (thing.table, key.table if key else "")]
    own, referenced = (table.identity if table else None for table in tables)
    return thing.kind, own, referenced, _NAME_OF_INDEX.sub(r"\1", definition)


def _is_of_constraint(index: Object, others: Sequence[Object]) -> bool:
    names = {(parent(each.table), parts(each.name)[-1]) for each in others if each.kind == "constraint"}
    return index.kind == "index" and (parent(index.name), parts(index.name)[-1]) in names


def _only_creates_again(measured: MeasuredStatement, pairs: Sequence[Renamed]) -> bool:
    """Return whether a statement drops or creates some of these objects, and no other constraint or index."""
    own = {thing.identity for pair in pairs for thing in pair}
    names = {parts(thing.name)[-1] for pair in pairs for thing in pair}
    touched = [
        thing
        for each in measured.facts.changes
        if each.kind in _KINDS and each.change in ("gone", "new") and (thing := each.before or each.after)
    ]
    is_known = all(thing.identity in own or parts(thing.name)[-1] in names for thing in touched)
    return bool(touched) and is_known


def _finding(
    subject: Subject, pairs: Sequence[Renamed], statements: Sequence[MeasuredStatement], following: Sequence[Finding]
) -> Finding:
    parents = partition_parents(subject.trip.before)
    shown = without_partitions(pairs, parents)
    names = [f"`{parts(old.name)[-1]}`" for old, _ in shown]
    are, names_now = ("is", "another name") if len(names) == 1 else ("are", "other names")
    tables = listed(phrases([*_locked(statements)], parents), most=4)
    message = (
        f"{listed(names)} {are} dropped and created again under {names_now}: that locks {tables}"
        "; a rename takes an instant"
    )
    seconds = sum(each.seconds or 0.0 for each in following)
    return replace(
        subject.finding(constraints.CREATED_AGAIN, statements[0].place, message),
        severity=min((each.severity for each in following), key=SEVERITIES.index),
        waits=_waits(following, seconds),
        seconds=seconds or None,
        relation=displayed(shown[0][0].table),
        about=names[0].strip("`"),
        objects=tuple(name.strip("`") for name in names) if len(names) > 1 else (),
    )


def without_partitions(pairs: Sequence[Renamed], parents: Mapping[str, str]) -> list[Renamed]:
    """Leave out what partitions have from their table: it is renamed with that."""
    return [pair for pair in pairs if displayed(pair[0].table) not in parents] or list(pairs)


def _locked(statements: Sequence[MeasuredStatement]) -> dict[str, None]:
    """Return the tables that others cannot use meanwhile, in the order of the file."""
    return {
        touch.relation.name: None
        for each in statements
        for touch in each.facts.touches
        if touch.relation.kind not in ("index", "sequence") and blocks(touch.mode) != "nobody"
    }


def _waits(findings: Sequence[Finding], seconds: float) -> str:
    told = [each.waits.partition(",")[0] for each in findings]
    who = next((each for each in ("everyone", "writers") if each in told), "")
    return f"{who}, for {duration(seconds)} in all (estimate)" if who and seconds else who
