"""What is written after up and lost by down: in new columns, and in tables and columns that down swaps back.

A made-up round trip cannot show it: nothing is written between its up and its down. The names tell it: the running
application writes to the object that has the name after up, and down gives the name back to the old one.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace

from sqlmigrate.catalog.objects import Object
from sqlmigrate.identifiers import displayed, is_same, parent
from sqlmigrate.review.rules import down as rules
from sqlmigrate.review.rules.rule import Finding
from sqlmigrate.source import Span

from .subject import MeasuredStatement, Subject, first_name, measured_statements
from .successors import VIEWS, Successor

_WRITES = re.compile(r"\b(?:insert\s+into|update|merge\s+into)\b", re.IGNORECASE)
_COPY_BACK = (
    "in the down file, copy back what was written since, before the old {what} gets its name again; "
    "or write at the head of the up file:\n-- sqlmigrate: irreversible (why)"
)


def find(subject: Subject, place: Span) -> Iterator[Finding]:
    """Return the findings of rows and values that are written after up and lost by down.

    Args:
        subject: The migration, whose down file was executed.
        place: The head of the down file.
    """
    told = set()
    for each in subject.successors:
        if each.before.kind in VIEWS or each.after.kind in VIEWS:
            continue
        if each.is_other:
            yield from _rows(subject, each)
            continue
        for old, new in each.columns:
            place_back = _where_name_comes_back(subject, old)
            if place_back and not _is_kept(subject, each.after, new):
                told.add(new.name)
                yield _lost(f"values that are written to `{displayed(new.name)}`", "column", place_back)
    yield from (note for name, note in _new_columns(subject, place) if name not in told)


def _rows(subject: Subject, swap: Successor) -> Iterator[Finding]:
    place = _where_name_comes_back(subject, swap.before)
    if place and not subject.is_known(swap.after) and not _is_kept(subject, swap.after, swap.before):
        yield _lost(f"rows that are written to `{displayed(swap.after.name)}`", "table", place)


def _lost(what: str, kind: str, place: Span) -> Finding:
    message = f"{what} after up are lost by down: it gives the name back to the old {kind}"
    advice = _COPY_BACK.format(what=kind)
    found = Finding(rules.DOWN_LOSES_NEW_DATA, "warning", message, place, place.source.path, what_now=advice)
    return replace(found, has_example=False, about=first_name(message))


def _where_name_comes_back(subject: Subject, old: Object) -> Span | None:
    """Return the place where down gives the old object the name that it had before up; None if it does not."""
    for each in reversed(_of_down(subject)):
        for made in each.facts.changes:
            if made.before is None or made.after is None or made.after.identity != old.identity:
                continue
            if made.before.name != made.after.name == old.name:
                return each.place
    return None


def _is_kept(subject: Subject, table: Object, *named: Object) -> bool:
    """Return whether a new trigger of the table may write the old one too, or down copies what was written.

    Args:
        subject: The migration.
        table: The table that is written to after up.
        named: What a statement of the down file has to name if it copies.
    """
    after = subject.trip.after
    if after and any(not subject.is_known(each) for each in after.parts_of(table, "trigger")):
        return True
    return any(_copies(each, table, *named) for each in _of_down(subject))


def _copies(statement: MeasuredStatement, *things: Object) -> bool:
    return _WRITES.search(statement.code) is not None and any(statement.names(each.name) for each in things)


def _of_down(subject: Subject) -> tuple[MeasuredStatement, ...]:
    return measured_statements(subject.trip.down) if subject.trip.down else ()


def _new_columns(subject: Subject, place: Span) -> Iterator[tuple[str, Finding]]:
    """Return the notes about new columns that up fills and down drops, each with the name of its column."""
    for change in subject.changes("column", "new"):
        column = change.after
        if column is None or any(_WRITES.search(each.code) and each.names(column.name) for each in _of_down(subject)):
            continue
        filled = [
            touch
            for each in subject.statements
            for touch in each.facts.touches
            if touch.updated and is_same(touch.relation.name, parent(column.name)) and each.names(column.name)
        ]
        if filled:
            message = f"values that are written to `{displayed(column.name)}` after up are lost by down"
            found = Finding(rules.DOWN_LOSES_NEW_DATA, "note", message, place, place.source.path)
            yield column.name, replace(found, about=first_name(message))
