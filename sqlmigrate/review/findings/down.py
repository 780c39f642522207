"""Findings of the down file: is there one, does it work, does it restore everything, does up work again after it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace

from sqlmigrate.catalog.objects import Difference
from sqlmigrate.errors import StatementError
from sqlmigrate.files.migration import Migration
from sqlmigrate.files.without_sql import WRITE_DOWN
from sqlmigrate.identifiers import IDENTIFIER, QUALIFIED, displayed, is_same, plain
from sqlmigrate.parsing.script import Script
from sqlmigrate.review.measure.facts import RoundTrip, StatementFacts
from sqlmigrate.review.rules import constraints, down as rules
from sqlmigrate.review.rules.failures import FAILS_ON_DATA, HANGS, NEEDS_NEWER_SERVER
from sqlmigrate.review.rules.indexes import CREATE_INDEX_BLOCKING
from sqlmigrate.review.rules.rule import Finding, Rule
from sqlmigrate.source import Span
from sqlmigrate.spelling import plural

from . import created_again, failures, keys, locks, written_since
from .differences import gravest_first, in_words, severity_of, whole
from .listing import listed, partition_parents
from .merged_sentence import merged_sentence
from .subject import Subject, first_name

_PRIVILEGE = "42501"
# An UPDATE of one column where it is NULL; a further condition only leaves rows out.
_FILL = re.compile(
    rf"update\s+(?:only\s+)?(?P<table>{QUALIFIED})\s+set\s+(?P<column>{IDENTIFIER})\s*=[^,]*?"
    rf"\s+where\s+(?P=column)\s+is\s+null(?:\s+and\s+(?:(?!\bor\b).)*)?",
    re.IGNORECASE | re.DOTALL,
)
_EXISTS = "42710"  # duplicate_object: https://www.postgresql.org/docs/current/errcodes-appendix.html
_RESTORE = "in the down file, create what the up file drops, and drop nothing that the up file does not create"
_IF_NOT_EXISTS = "in the up file, write: add value if not exists"
_DELETE_AGAIN = (
    "in the down file, delete the rows that the up file inserts, or write at the head of the up file:\n"
    "-- sqlmigrate: irreversible (why)"
)
_CHANGE_BACK = "in the down file, change it back to what it was before the up file"


def find(subject: Subject, down: Script | None) -> Iterator[Finding]:
    """Return the findings of the down file of a migration that was executed."""
    yield from find_missing(subject.migration, subject.up)
    trip = subject.trip
    if down is None or trip.down is None:
        return
    if not down.statements:
        yield _without_sql(down)
    head = down.source.span(down.statements[0].start) if down.statements else down.source.span(0, 0)
    if trip.down.error:
        failed = failures.finding_of_error(trip.down, trip.down.error, subject.major)
        rule = failed.rule if failed.rule in (HANGS, FAILS_ON_DATA, NEEDS_NEWER_SERVER) else rules.DOWN_FAILS
        yield replace(failed, rule=rule, severity=rule.severity)
        return
    for each in failures.find_on_rows(subject, trip.down):
        yield _certain(each)
    yield from failures.find_lacked_rights(subject, trip.down)
    yield from keys.find_after_down(subject, trip.down)
    yield from _left(subject, head)
    yield from _rows(subject, head)
    yield from written_since.find(subject, head)
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


def _without_sql(down: Script) -> Finding:
    """Return the note on a down file of comments alone: nothing may have to be undone, but `down` refuses it."""
    source = down.source
    found = _finding(rules.DOWN_MISSING, f"{source.path} contains no SQL, so `down` refuses it", source.span(0, 0))
    return replace(found, severity="note", what_now=WRITE_DOWN, has_example=False, about="")


def _finding(rule: Rule, message: str, span: Span, what_now: str = "", *, has_example: bool = True) -> Finding:
    path = span.source.path
    about = first_name(message)
    return Finding(rule, rule.severity, message, span, path, what_now=what_now, has_example=has_example, about=about)


def _left(subject: Subject, place: Span) -> Iterator[Finding]:
    """Return the findings of the schema: what differs from before, and labels that stay."""
    left = subject.trip.left
    works_again = subject.trip.again_error is None
    after = subject.trip.after
    if real := gravest_first([each for each in left if each.matters], after, works_again=works_again):
        changes = {each.change for each in real}
        advice = "" if "left over" in changes else _RESTORE if "missing" in changes else _CHANGE_BACK
        told = whole(real, partition_parents(subject.trip.before, subject.trip.after))
        found = _finding(rules.DOWN_INCOMPLETE, f"after up and down {in_words(told)}", place, advice)
        severity = severity_of(real[0], after, works_again=works_again)
        yield replace(found, severity=severity, has_example=not advice)
    elif tables := _reordered(left):
        yield _finding(rules.DOWN_COLUMN_ORDER, f"the columns of {tables} are in a different order after down", place)
    for each in left:
        if each.added_labels:
            yield _kept_labels(subject, each, place)


def _reordered(differences: Sequence[Difference]) -> str:
    """List the tables whose columns are in a different order."""
    return listed([f"`{displayed(each.name)}`" for each in differences if each.change == "column order"])


def _kept_labels(subject: Subject, enum: Difference, place: Span) -> Finding:
    """Return the finding of new labels of an enum that stay after down, which no statement can change.

    https://www.postgresql.org/docs/current/sql-altertype.html
    """
    labels = enum.added_labels
    which = f"the label {labels[0]}" if len(labels) == 1 else f"the labels {listed(labels)}"
    message = f"after down `{displayed(enum.name)}` still has {which}: PostgreSQL cannot remove a label of an enum"
    if not _is_about(subject.trip.again_error, labels):
        works = "; up can be executed again" if subject.trip.again_error is None else ""
        return replace(_finding(rules.DOWN_INCOMPLETE, message + works, place, has_example=False), severity="note")
    message += "; up fails when it is executed again"
    return replace(
        _finding(rules.DOWN_INCOMPLETE, message, place, _IF_NOT_EXISTS, has_example=False), severity="warning"
    )


def _is_about(error: StatementError | None, labels: Sequence[str]) -> bool:
    """Return whether up failed because one of the labels exists."""
    if error is None or error.sqlstate != _EXISTS:
        return False
    return any(f'"{label[1:-1]}"'.replace("''", "'") in error.message for label in labels)


def _rows(subject: Subject, place: Span) -> Iterator[Finding]:
    back = subject.trip.rows_back
    for name, before in subject.trip.rows_before.items():
        after = back.get(name)
        if after is None:
            continue  # reported as missing
        table = displayed(name)
        if not subject.is_old(before.oid):
            yield from _added_twice(subject, name, place)
            continue
        if after.count != before.count:
            message = f"`{table}` had {plural(before.count, 'row')}, and has {after.count:,} after up and down"
            yield _finding(rules.DATA_NOT_RESTORED, message, place)
        elif after.checksum != before.checksum and (columns := _added_again(subject, name)):
            for column in columns:
                message = f"down adds `{column}` again, but not the old values"
                yield replace(_finding(rules.DATA_NOT_RESTORED, message, place), severity="note")
        elif after.checksum != before.checksum and (columns := _filled(subject, table)):
            names = listed([f"`{table}.{column}`" for column in columns])
            message = f"rows where {names} was NULL have a value after up and down"
            yield replace(_finding(rules.DATA_NOT_RESTORED, message, place), severity="note")
        elif after.checksum != before.checksum:
            which, are = ("the row", "is") if before.count == 1 else (f"the {before.count:,} rows", "are")
            message = f"{which} of `{table}` {are} different after up and down"
            yield _finding(rules.DATA_NOT_RESTORED, message, place)


def _added_twice(subject: Subject, name: str, place: Span) -> Iterator[Finding]:
    """Return the finding of rows in a table of an earlier new migration: down leaves them, and up inserts them again.

    They are no data of production, so that nothing else about them matters.
    """
    trip = subject.trip
    if trip.is_filled_twice(name):
        rows, again = plural(trip.rows_after[name].count, "row"), trip.rows_again[name].count
        message = f"`{displayed(name)}` has {rows} after up, and {again:,} after up, down and up again"
        yield _finding(rules.DATA_NOT_RESTORED, message, place, _DELETE_AGAIN, has_example=False)


def _filled(subject: Subject, table: str) -> list[str]:
    """Return the columns of a table of which up only replaces NULLs; none if anything else changes its rows."""
    trip = subject.trip
    down = trip.down.statements if trip.down else ()
    is_dropped = any(
        each.kind == "column" and each.change == "gone" and each.before and displayed(each.before.table) == table
        for each in trip.changes
    )
    if is_dropped or any(_writes(each, table) for each in down) or _is_retyped(trip, table):
        return []
    found = [_FILL.fullmatch(each.code) for each in subject.statements if _writes(each.facts, table)]
    fills = [each for each in found if each and is_same(each["table"], table)]
    return list(dict.fromkeys(each["column"] for each in fills)) if len(fills) == len(found) else []


def _writes(facts: StatementFacts, table: str) -> bool:
    return any(touch.written and is_same(touch.relation.name, table) for touch in facts.touches)


def _added_again(subject: Subject, table: str) -> list[str]:
    """Return the columns that up drops and down adds again, if nothing else can have changed the rows of a table.

    That their values are gone is told as what up does.
    """
    trip = subject.trip
    if any(each.change == "gone" and each.before and each.before.name == table for each in trip.changes):
        return []  # another table has the name: it has rows of its own
    columns = {
        each.before.path[-1]: each.before
        for each in trip.changes
        if each.kind == "column" and each.change == "gone" and each.before and each.before.table == table
    }
    back = trip.rows_back[table]
    is_back = {quoted for quoted in columns if plain(quoted) in back.columns}
    return [displayed(columns[name].name) for name in sorted(is_back)] if not _is_changed_otherwise(trip, table) else []


def _is_changed_otherwise(trip: RoundTrip, table: str) -> bool:
    """Return whether up or down writes rows of a table, or changes the type of a column."""
    runs = [run for run in (trip.up, trip.down) if run]
    return any(_writes(each, table) for run in runs for each in run.statements) or _is_retyped(trip, table)


def _is_retyped(trip: RoundTrip, table: str) -> bool:
    return any(
        each.kind == "column"
        and each.change == "altered"
        and each.before is not None
        and each.after is not None
        and is_same(each.before.table, table)
        and each.before.attributes.get("type") != each.after.attributes.get("type")
        for each in (*trip.changes, *trip.down_changes)
    )


def _again(subject: Subject) -> Iterator[Finding]:
    trip = subject.trip
    if any(each.matters for each in trip.left):
        return  # the cause is reported already
    labels = [label for each in trip.left for label in each.added_labels]
    head = subject.up.source.span(0, 0)
    if trip.again_error:
        if not _is_about(trip.again_error, labels):
            place = trip.again_error.span or head
            found = _finding(rules.REAPPLY_FAILS, f"after up and down, up fails: {trip.again_error.message}", place)
            # the review's role may have fewer rights than production's
            yield replace(found, severity="warning") if trip.again_error.sqlstate == _PRIVILEGE else found
    elif real := [each for each in trip.again if each.matters]:
        told = in_words(whole(real, partition_parents(trip.before, trip.after)))
        yield _finding(rules.REAPPLY_FAILS, f"after up and down, up ends differently: {told}", head)
    elif (tables := _reordered(trip.again)) and not _reordered(trip.left):
        message = f"the columns of {tables} are in a different order after up, down and up again"
        yield _finding(rules.DOWN_COLUMN_ORDER, message, head)


def _blocks(subject: Subject, down: Script, place: Span) -> Iterator[Finding]:
    """Return the worst finding of what the down file does under a lock."""
    done = subject.trip.down
    if done is None:
        return
    trip = replace(subject.trip, up=done, changes=subject.trip.down_changes)
    own = replace(subject, up=down, trip=trip)
    found = created_again.fold(own, [*locks.find(own)])
    is_told = bool(created_again.created_again(subject.trip))  # of the up file, with what to write in both
    grave = [
        each for each in found if each.severity == "danger" and not (is_told and each.rule is constraints.CREATED_AGAIN)
    ]
    if not grave:
        return
    first = grave[0]
    alike = [each for each in grave if each.rule is first.rule]
    what = merged_sentence(alike, partition_parents(trip.before, trip.after))
    message = f"the down file blocks production ({first.rule.name}): {what}"
    advice = "" if first.rule is CREATE_INDEX_BLOCKING else _advice(first.rule)
    finding = _finding(rules.DOWN_BLOCKS, message, first.span or place, advice, has_example=not advice)
    yield replace(finding, waits=first.waits, relation=first.relation, seconds=first.seconds, about=first.about)


def _advice(rule: Rule) -> str:
    """Return what to do about a down file that blocks because of a rule."""
    if rule in (constraints.FOREIGN_KEY_WITHOUT_NOT_VALID, constraints.CONSTRAINT_WITHOUT_NOT_VALID):
        return "in the down file, add the constraint NOT VALID: it holds for new rows, and the table is not read"
    return f"if the release may be rolled back while it blocks, allow it; if not: sqlmigrate explain {rule.name}"
