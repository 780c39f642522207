"""Findings of objects that are dropped, renamed or moved, and of lost rows: the running application needs them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace

from sqlmigrate.catalog.objects import RELATIONS, ROUTINES, TYPES, Change, Object
from sqlmigrate.identifiers import displayed, last_part, parent
from sqlmigrate.review.rules import removed
from sqlmigrate.review.rules.rule import Finding
from sqlmigrate.spelling import plural

from .schema_changes import SchemaChanges
from .subject import MeasuredStatement, Subject

# Kinds of the catalog, and the rule for dropping them.
_DROPPED = {
    "table": removed.DROP_TABLE,
    "partitioned table": removed.DROP_TABLE,
    "foreign table": removed.DROP_TABLE,
    "column": removed.DROP_COLUMN,
    "view": removed.DROP_VIEW,
    "materialized view": removed.DROP_VIEW,
    "function": removed.DROP_FUNCTION,
    "procedure": removed.DROP_FUNCTION,
    "aggregate": removed.DROP_FUNCTION,
    "type": removed.DROP_TYPE,
    "enum": removed.DROP_TYPE,
    "domain": removed.DROP_TYPE,
    "range": removed.DROP_TYPE,
    "composite type": removed.DROP_TYPE,
}
_RENAMED = {
    **dict.fromkeys(RELATIONS, removed.RENAME_TABLE),
    "column": removed.RENAME_COLUMN,
    "schema": removed.RENAME_SCHEMA,
}
_MOVED = (*RELATIONS, *TYPES, *ROUTINES)
_PARTS = ("constraint", "trigger", "default")  # of tables that remain


def find(subject: Subject, changes: SchemaChanges) -> Iterator[Finding]:
    """Return these findings of an up file."""
    yield from _dropped(subject, changes)
    yield from _renamed(subject, changes)
    yield from _rows(subject)
    yield from _bodies(subject)


def _bodies(subject: Subject) -> Iterator[Finding]:
    for broken in subject.trip.broken:
        works = "no longer works" if broken.is_certain else "may no longer work"
        message = f"the body of `{displayed(broken.function)}` {works}: {broken.reason}"
        things = ((each, thing) for each in subject.trip.changes for thing in (each.before, each.after) if thing)
        causes = (each for each, thing in things if (thing.kind, thing.name) == broken.cause)
        place = next(map(subject.place_of, causes), subject.statement_naming(broken.cause[1]))
        finding = subject.finding(removed.FUNCTION_BODY_BROKEN, place, message)
        yield finding if broken.is_certain else replace(finding, severity="warning")


def _dropped(subject: Subject, changes: SchemaChanges) -> Iterator[Finding]:
    for change in changes.all("gone"):
        dropped = before(change)
        if changes.is_part_of_gone(dropped) or changes.is_replaced(dropped) or _is_called_by_triggers(dropped):
            continue
        if _is_called_otherwise(subject, dropped):
            continue
        is_cascaded = any(each.cascades for each in _may_have_dropped(subject, change))
        if dropped.kind in _DROPPED and not (is_cascaded and not _is_named(subject, change)):
            message = f"the {dropped.kind} `{displayed(dropped.name)}` is dropped: statements that still use it fail"
            yield subject.finding(_DROPPED[dropped.kind], subject.place_of(change), message)
        elif dropped.kind in _DROPPED:
            yield _cascaded(subject, change, dropped)
    for change in changes.all("gone"):
        dropped = before(change)
        if dropped.kind not in _PARTS or changes.is_part_of_gone(dropped) or changes.is_replaced(dropped):
            continue
        if not changes.goes_with_column(dropped) and is_cascaded_part(subject, dropped):
            yield _cascaded(subject, change, dropped)


def is_cascaded_part(subject: Subject, dropped: Object) -> bool:
    """Return whether a dropped part of a table that remains is reported as dropped by CASCADE: nothing names it."""
    change = Change(dropped.kind, dropped, None, "gone")
    cascades = any(each.cascades for each in _may_have_dropped(subject, change))
    return dropped.kind in _PARTS and cascades and not _is_named(subject, change)


def _is_called_otherwise(subject: Subject, dropped: Object) -> bool:
    """Return whether another function serves all calls of a dropped one, with a default for a new argument."""
    calls = [each for each in subject.trip.changed_calls if each.function.identity == dropped.identity]
    return bool(calls) and all(each.now for each in calls)


def _may_have_dropped(subject: Subject, change: Change) -> tuple[MeasuredStatement, ...]:
    """Return the statement that dropped an object; if that was not measured, all statements."""
    maker = subject.maker_of(change)
    return (maker,) if maker else subject.statements


def _is_named(subject: Subject, change: Change) -> bool:
    """Return whether the statement that dropped an object names it."""
    return any(each.names_whole(before(change).name) for each in _may_have_dropped(subject, change))


def _is_called_by_triggers(function: Object) -> bool:
    """Return whether only triggers can call a function: it cannot be dropped while there are any."""
    definition = function.definition
    return (
        function.kind == "function"
        and re.search(r"^ RETURNS (?:event_)?trigger$", definition, re.MULTILINE) is not None
    )


def before(change: Change) -> Object:
    """Return the object before a change, which is not the creation of an object."""
    if change.before is None:
        raise AssertionError("what is gone was there before")
    return change.before


def _cascaded(subject: Subject, change: Change, dropped: Object) -> Finding:
    cascading = next((each for each in subject.statements if each.cascades), None)
    is_measured = subject.maker_of(change) is not None
    place = cascading.place if cascading and not is_measured else subject.place_of(change)
    message = f"the {dropped.kind} `{displayed(dropped.name)}` is dropped too, although the file does not name it"
    return subject.finding(removed.CASCADE_DROPS_DEPENDENTS, place, message)


def _renamed(subject: Subject, changes: SchemaChanges) -> Iterator[Finding]:
    for change, old, new in _without_old_name(changes, "renamed"):
        name, place = displayed(old.name), subject.place_of(change)
        if old.kind in _RENAMED:
            message = f"the {old.kind} `{name}` is renamed to `{last_part(new.name)}`"
            message += ": the running application still uses the old name"
            yield subject.finding(_RENAMED[old.kind], place, message)
        elif old.kind in _DROPPED and not _is_called_by_triggers(new):
            message = f"the {old.kind} `{name}` is renamed to `{displayed(new.name)}`"
            message += ": statements that use the old name fail"
            yield subject.finding(_DROPPED[old.kind], place, message)
    for change, old, new in _without_old_name(changes, "moved"):
        if old.kind in _MOVED:
            message = f"the {old.kind} `{displayed(old.name)}` is moved: it is now `{new.name}`"
            yield subject.finding(removed.SET_SCHEMA, subject.place_of(change), message)
    for change, old, new in changes.left_in_renamed_schema():
        if old.kind in _MOVED:
            message = f"the {old.kind} `{displayed(old.name)}` is now `{displayed(new.name)}`"
            message += f": the schema that is `{parent(old.name)}` now does not have it"
            yield subject.finding(removed.SET_SCHEMA, subject.place_of(change), message)
    for change, old_label, new_label in changes.renamed_labels():
        name = displayed(parent(before(change).name))
        message = f"the label `{old_label}` is renamed to `{new_label}` in `{name}`"
        message += ": the running application still uses the old label"
        yield replace(subject.finding(removed.RENAME_ENUM_VALUE, subject.place_of(change), message), about=name)


def _without_old_name(changes: SchemaChanges, how: str) -> Iterator[tuple[Change, Object, Object]]:
    """Return the renamed or moved objects whose old names no longer exist: the change, before, after.

    A renamed schema is one object: those in it are left out.
    """
    for change in changes.all(how):
        old, new = change.before, change.after
        if old and new and not changes.is_in_renamed_schema(old) and not changes.is_replaced(old):
            yield change, old, new


def _rows(subject: Subject) -> Iterator[Finding]:
    truncated: set[str] = set()
    for each in subject.statements:
        for touch in each.facts.touches:
            if touch.rewritten and each.says("TRUNCATE") and touch.relation.kind != "index":
                truncated.add(touch.relation.name)
                message = f"every row of `{touch.relation.name}` is deleted"
                yield subject.finding(removed.TRUNCATE, each.place, message, touch)
    after = subject.trip.rows_after
    swapped = {each.table for each in subject.trip.swapped if not each.column}
    for name, rows in subject.trip.rows_before.items():
        left = after.get(name)
        if name in swapped:
            continue  # they may be in the table that had the name
        if left is None or left.count >= rows.count or displayed(name) in truncated or not subject.is_old(rows.oid):
            continue
        message = f"`{displayed(name)}` had {plural(rows.count, 'row')}, and has {left.count:,} after up"
        yield subject.finding(removed.ROWS_LOST, subject.place_of_lost_rows(name, rows.oid), message)
