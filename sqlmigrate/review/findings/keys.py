"""Findings of new foreign keys without an index, and of sequences that are behind their column."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from sqlmigrate.identifiers import last_part, parent
from sqlmigrate.review.measure.facts import FileRun, LateSequence
from sqlmigrate.review.rules import altered
from sqlmigrate.review.rules.rule import Finding
from sqlmigrate.review.seed.values import FIRST_KEY
from sqlmigrate.source import Span

from .subject import Subject


def find(subject: Subject) -> Iterator[Finding]:
    """Return these findings of an up file."""
    for key in subject.trip.unindexed_keys:
        message = (
            f"no index on `{key.table}` begins with `{key.columns}`: "
            "each DELETE of a referenced row, and each change of its key, reads the whole table"
        )
        made = (
            each for each in subject.changes("constraint", "new") if each.after and each.after.name == key.constraint
        )
        place = next(map(subject.place_of, made), subject.statement_naming(key.table))
        yield subject.finding(altered.FK_WITHOUT_INDEX, place, message)
    for late in subject.trip.late_sequences:
        place = _place_of_values(subject, late)
        if late.last > 0 and late.top > FIRST_KEY:  # the file gives a value, which generated rows say nothing about
            message = f"the sequence `{late.sequence}` is set to {late.last}: an INSERT fails if `{late.column}` has a "
            message += f"larger value in production; compare it with select max({last_part(late.column)})"
            yield replace(subject.finding(altered.SEQUENCE_BEHIND_DATA, place, message), severity="warning")
            continue
        yield _behind(subject, late, place)


def _behind(subject: Subject, late: LateSequence, place: Span) -> Finding:
    """Return the finding of a sequence that returns values which the column has already."""
    behind = f"the largest value of `{late.column}` is {late.top}, but its sequence `{late.sequence}` is at {late.last}"
    if late.is_unique:
        message = f"{behind}: an INSERT fails when the sequence returns an existing value"
        return subject.finding(altered.SEQUENCE_BEHIND_DATA, place, message)
    message = f"{behind}: new rows get values that older rows have already"
    return replace(subject.finding(altered.SEQUENCE_BEHIND_DATA, place, message), severity="warning")


def find_after_down(subject: Subject, run: FileRun) -> Iterator[Finding]:
    """Return the findings of sequences that the down file leaves behind their column."""
    for late in subject.trip.late_after_down:
        message = (
            f"after down the largest value of `{late.column}` is {late.top}, but its sequence `{late.sequence}` is at"
            f" {late.last}: an INSERT fails when the sequence returns an existing value"
        )
        naming = [each for each in run.script.statements if last_part(late.column) in each.text]
        place = run.script.source.span(naming[-1].start if naming else 0)
        yield subject.finding(altered.SEQUENCE_BEHIND_DATA, place, message)


def _place_of_values(subject: Subject, late: LateSequence) -> Span:
    """Return the place of the last statement that wrote values into the column, or set the sequence."""
    table = parent(late.column)
    writing = [
        each
        for each in subject.statements
        if any(touch.relation.name == table and touch.written for touch in each.facts.touches)
        or (each.says("SETVAL", "RESTART", "IDENTITY", "NEXTVAL") and each.names(late.sequence))
    ]
    return writing[-1].place if writing else subject.statement_naming(late.column)
