"""Findings of the down file: is there one, does it work, does it restore everything, does up work again after it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from sqlmigrate.catalog.objects import Difference
from sqlmigrate.files.migration import Migration
from sqlmigrate.identifiers import displayed, is_same, last_part, parent, parts
from sqlmigrate.parsing.script import Script
from sqlmigrate.review.rules import down as rules
from sqlmigrate.review.rules.failures import FAILS_ON_DATA, HANGS
from sqlmigrate.review.rules.indexes import CREATE_INDEX_BLOCKING
from sqlmigrate.review.rules.rule import Finding, Rule
from sqlmigrate.source import Span
from sqlmigrate.spelling import plural

from . import failures, locks
from .subject import Subject

_MOST = 5  # differences named in one sentence; the HTML page and the JSON have all of them
_SHORT = 80  # characters of two values that a sentence can contain
_RESTORE = "in the down file, create what the up file drops, and drop nothing that the up file does not create"
_CHANGE_BACK = "in the down file, change it back to what it was before the up file"


def find(subject: Subject, down: Script | None) -> Iterator[Finding]:
    """Return the findings of the down file of a migration that was executed."""
    yield from find_missing(subject.migration, subject.up)
    trip = subject.trip
    if down is None or trip.down is None:
        return
    head = down.source.span(down.statements[0].start if down.statements else 0)
    if trip.down.error:
        failed = failures.finding_of_error(trip.down, trip.down.error, subject.version)
        rule = failed.rule if failed.rule in (HANGS, FAILS_ON_DATA) else rules.DOWN_FAILS
        yield replace(failed, rule=rule, severity=rule.severity)
        return
    for each in failures.find_on_rows(subject, trip.down):
        yield _certain(each)
    yield from _left(trip.left, head)
    yield from _rows(subject, head)
    yield from _new_data(subject, head)
    yield from _again(subject)
    yield from _blocks(subject, down, head)


def _certain(found: Finding) -> Finding:
    """Return the finding of a statement that fails for certain as one of the down file."""
    if found.rule is FAILS_ON_DATA:
        return found
    return replace(found, rule=rules.DOWN_FAILS, severity=rules.DOWN_FAILS.severity)


def find_missing(migration: Migration, up: Script) -> Iterator[Finding]:
    """Return the finding of a migration without a down file that does not say it is irreversible."""
    if migration.down is None and up.irreversible is None:
        path = f"{migration.label}.down.sql"
        advice = f"write {path}, or add at the head of the up file:\n-- sqlmigrate: irreversible (why)"
        yield _finding(rules.DOWN_MISSING, "there is no down file", up.source.span(0, 0), advice)


def _finding(rule: Rule, message: str, span: Span, what_now: str = "", *, has_example: bool = True) -> Finding:
    path = span.source.path
    return Finding(rule, rule.severity, message, span, path, what_now=what_now, has_example=has_example)


def _left(left: Sequence[Difference], place: Span) -> Iterator[Finding]:
    real = [each for each in left if each.matters]
    if real:
        changes = {each.change for each in real}
        advice = "" if "left over" in changes else _RESTORE if "missing" in changes else _CHANGE_BACK
        message = f"after up and down {_named(_whole(real))}"
        yield _finding(rules.DOWN_INCOMPLETE, message, place, advice, has_example=not advice)
    elif left := [each for each in left if each.change == "column order"]:
        tables = ", ".join(f"`{last_part(each.name)}`" for each in left[:_MOST])
        yield _finding(
            rules.DOWN_COLUMN_ORDER, f"the columns of {tables} are in a different order after up and down", place
        )


def _whole(differences: Sequence[Difference]) -> list[Difference]:
    """Leave out the parts of objects that differ as a whole: the columns of a table, the index of a constraint."""
    named = {(each.change, each.name) for each in differences}
    indexes = {(each.change, _index(each.name)) for each in differences if each.kind == "constraint"}
    return [
        each
        for each in differences
        if (each.change, parent(each.name)) not in named
        and not (each.kind == "index" and (each.change, each.name) in indexes)
    ]


def _index(constraint: str) -> str:
    """Return the name that the index of a constraint has, if it has one."""
    return f"{parent(parent(constraint))}.{parts(constraint)[-1]}"


def _named(differences: Sequence[Difference]) -> str:
    clauses = []
    for change, words in (("left over", "is left behind"), ("missing", "is missing"), ("different", "is different")):
        found = [each for each in differences if each.change == change]
        if found:
            names = ", ".join(f"{each.kind} `{displayed(each.name)}`{_how(each)}" for each in found[:_MOST])
            more = f" and {len(found) - _MOST} more" if len(found) > _MOST else ""
            clauses.append(f"{names}{more} {words if len(found) == 1 else words.replace('is ', 'are ')}")
    return ", ".join(clauses)


def _how(difference: Difference) -> str:
    """Describe in brackets how an object differs, with both values if they are short."""
    attributes = [
        f"{name}: {before or 'none'}, now {after or 'none'}" if len(f"{before}{after}") < _SHORT else name
        for name, before, after in difference.attributes
    ]
    return f" ({'; '.join(attributes)})" if attributes else ""


def _rows(subject: Subject, place: Span) -> Iterator[Finding]:
    back = subject.trip.rows_back
    for name, before in subject.trip.rows_before.items():
        after = back.get(name)
        if after is None:
            continue  # reported as missing
        table = displayed(name)
        if after.count != before.count:
            message = f"`{table}` had {plural(before.count, 'row')}, and has {after.count:,} after up and down"
            yield _finding(rules.DATA_NOT_RESTORED, message, place)
        elif after.checksum != before.checksum:
            which, are = ("the row", "is") if before.count == 1 else (f"the {before.count:,} rows", "are")
            message = f"{which} of `{table}` {are} different after up and down"
            yield _finding(rules.DATA_NOT_RESTORED, message, place)


def _new_data(subject: Subject, place: Span) -> Iterator[Finding]:
    """Return findings of new columns that up fills and down drops: later values in them are lost."""
    for change in subject.changes("column", "new"):
        name = change.after.name if change.after else ""
        filled = [
            touch
            for each in subject.statements
            for touch in each.facts.touches
            if touch.updated and is_same(touch.relation.name, parent(name)) and each.names(name)
        ]
        if filled:
            message = f"values that are written to `{displayed(name)}` after up are lost by down"
            yield _finding(rules.DOWN_LOSES_NEW_DATA, message, place)


def _again(subject: Subject) -> Iterator[Finding]:
    trip = subject.trip
    if any(each.matters for each in trip.left):
        return  # the cause is reported already
    if trip.again_error:
        span = trip.again_error.span or subject.up.source.span(0, 0)
        yield _finding(rules.REAPPLY_FAILS, f"after up and down, up fails: {trip.again_error.message}", span)
    elif trip.again:
        span = subject.up.source.span(0, 0)
        yield _finding(
            rules.REAPPLY_FAILS, f"after up and down, up ends differently: {_named(_whole(trip.again))}", span
        )


def _blocks(subject: Subject, down: Script, place: Span) -> Iterator[Finding]:
    """Return the worst finding of what the down file does under a lock."""
    done = subject.trip.down
    if done is None:
        return
    trip = replace(subject.trip, up=done, changes=subject.trip.down_changes)
    found = [*locks.find(replace(subject, up=down, trip=trip))]
    if grave := [each for each in found if each.severity == "danger"]:
        first = grave[0]
        message = f"the down file blocks production ({first.rule.name}): {first.message}"
        advice = f"what to write instead: sqlmigrate explain {first.rule.name}"
        is_index = first.rule is CREATE_INDEX_BLOCKING
        finding = _finding(
            rules.DOWN_BLOCKS, message, first.span or place, "" if is_index else advice, has_example=is_index
        )
        yield replace(finding, waits=first.waits, relation=first.relation, seconds=first.seconds)
