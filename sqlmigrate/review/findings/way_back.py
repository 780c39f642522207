"""Findings of the way back: is there one, does it work, is everything as before, and does the way there work again."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from sqlmigrate.catalog.objects import Difference
from sqlmigrate.files.migration import Migration
from sqlmigrate.identifiers import displayed, is_same, last_part, parent, parts
from sqlmigrate.parsing.script import Script
from sqlmigrate.review.rules.all_rules import RULES
from sqlmigrate.review.rules.rule import Finding
from sqlmigrate.source import Span

from . import failures, under_lock
from .subject import Subject

_MOST = 5  # differences named in one sentence; the page and the JSON have all
_SHORT = 80  # characters of two values that can be told in it


def find(subject: Subject, down: Script | None) -> Iterator[Finding]:
    """Give every finding of the down file."""
    yield from missing(subject.migration, subject.up)
    trip = subject.trip
    if down is None or trip.down is None:
        return
    head = down.source.span(down.statements[0].start if down.statements else 0)
    if trip.down.error:
        failed = failures.of_error(trip.down, trip.down.error, subject.version)
        rule = "hangs" if failed.rule.name == "hangs" else "down-fails"
        yield replace(failed, rule=RULES[rule], severity=RULES[rule].severity)
        return
    yield from _left(trip.left, head)
    yield from _rows(subject, head)
    yield from _new_data(subject, head)
    yield from _again(subject)
    yield from _blocks(subject, down, head)


def missing(migration: Migration, up: Script) -> Iterator[Finding]:
    """Give the finding of a migration that has no way back, and does not say that this is meant."""
    if migration.down is None and up.irreversible is None:
        path = f"{migration.label}.down.sql"
        help_ = f"write {path}, or say at the head of the up file:\n-- sqlmigrate: irreversible (why)"
        yield _finding("down-missing", "there is no down file", up.source.span(0, 0), help_)


def _finding(rule: str, message: str, span: Span, what_now: str = "") -> Finding:
    record = RULES[rule]
    return Finding(record, record.severity, message, span, span.source.path, what_now=what_now)


def _left(left: Sequence[Difference], place: Span) -> Iterator[Finding]:
    real = [each for each in left if each.change != "column order" and not _is_only_validated(each)]
    if real:
        yield _finding("down-incomplete", f"after up and down {_named(_whole(real))}", place)
    elif left := [each for each in left if each.change == "column order"]:
        tables = ", ".join(f"`{last_part(each.name)}`" for each in left[:_MOST])
        yield _finding("down-column-order", f"the columns of {tables} stand in another order after up and down", place)


def _is_only_validated(difference: Difference) -> bool:
    """Tell whether a constraint is there as before, and validated since: nothing waits for that to be taken back."""
    return difference.attributes == (("validated", "false", "true"),)


def _whole(differences: Sequence[Difference]) -> list[Difference]:
    """Leave out what goes with something that is named itself: the columns of a table, the index of a constraint."""
    named = {(each.change, each.name) for each in differences}
    indexes = {(each.change, _index(each.name)) for each in differences if each.kind == "constraint"}
    return [
        each
        for each in differences
        if (each.change, parent(each.name)) not in named
        and not (each.kind == "index" and (each.change, each.name) in indexes)
    ]


def _index(constraint: str) -> str:
    """Give the name that the index of a constraint has, if it has one."""
    return f"{parent(parent(constraint))}.{parts(constraint)[-1]}"


def _named(differences: Sequence[Difference]) -> str:
    said = []
    for change, words in (("left over", "is left behind"), ("missing", "is gone"), ("different", "is different")):
        found = [each for each in differences if each.change == change]
        if found:
            names = ", ".join(f"{each.kind} `{displayed(each.name)}`{_how(each)}" for each in found[:_MOST])
            more = f" and {len(found) - _MOST} more" if len(found) > _MOST else ""
            said.append(f"{names}{more} {words if len(found) == 1 else words.replace('is ', 'are ')}")
    return ", ".join(said)


def _how(difference: Difference) -> str:
    """Say in brackets in what something differs, with both values where they are short."""
    told = [
        f"{name}: {before or 'none'}, now {after or 'none'}" if len(f"{before}{after}") < _SHORT else name
        for name, before, after in difference.attributes
    ]
    return f" ({'; '.join(told)})" if told else ""


def _rows(subject: Subject, place: Span) -> Iterator[Finding]:
    back = subject.trip.rows_back
    for name, before in subject.trip.rows_before.items():
        after = back.get(name)
        if after is None:
            continue  # told as missing
        table = displayed(name)
        if after.count != before.count:
            message = f"`{table}` had {before.count:,} rows, and has {after.count:,} after up and down"
            yield _finding("data-not-restored", message, place)
        elif after.checksum != before.checksum:
            message = f"the {before.count:,} rows of `{table}` are not what they were after up and down"
            yield _finding("data-not-restored", message, place)


def _new_data(subject: Subject, place: Span) -> Iterator[Finding]:
    """Give the columns and tables that up fills with what is known nowhere else, and down drops."""
    for change in subject.changes("column", "new"):
        name = change.after.name if change.after else ""
        filled = [
            touch
            for doing in subject.doings
            for touch in doing.facts.touches
            if touch.updated and is_same(touch.relation.name, parent(name)) and doing.says_name(name)
        ]
        if filled:
            message = f"what people write to `{displayed(name)}` after up is gone with down"
            yield _finding("down-loses-new-data", message, place)


def _again(subject: Subject) -> Iterator[Finding]:
    trip = subject.trip
    if any(each.change != "column order" and not _is_only_validated(each) for each in trip.left):
        return  # what is left behind is in the way, and is told already
    if trip.again_error:
        span = trip.again_error.span or subject.up.source.span(0, 0)
        yield _finding("reapply-fails", f"up, down, and up again fails: {trip.again_error.message}", span)
    elif trip.again:
        span = subject.up.source.span(0, 0)
        yield _finding("reapply-fails", f"up, down, and up again ends otherwise: {_named(_whole(trip.again))}", span)


def _blocks(subject: Subject, down: Script, place: Span) -> Iterator[Finding]:
    """Give the worst of what the down file does under a lock."""
    done = subject.trip.down
    if done is None:
        return
    trip = replace(subject.trip, up=done, changes=subject.trip.down_changes)
    found = [*under_lock.find(replace(subject, up=down, trip=trip))]
    if grave := [each for each in found if each.severity == "danger"]:
        first = grave[0]
        message = f"the way back stops people too ({first.rule.name}): {first.message}"
        finding = _finding("down-blocks", message, first.span or place)
        yield replace(finding, waits=first.waits, relation=first.relation, seconds=first.seconds)
