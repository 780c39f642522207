"""Findings of new foreign keys without an index, and of sequences that are behind their column."""

from __future__ import annotations

from collections.abc import Iterator

from sqlmigrate.review.rules import altered
from sqlmigrate.review.rules.rule import Finding

from .subject import Subject


def find(subject: Subject) -> Iterator[Finding]:
    """Return these findings of an up file."""
    for key in subject.trip.unindexed_keys:
        message = (
            f"no index on `{key.table}` begins with `{key.columns}`: "
            "each DELETE of a referenced row, and each change of its key, reads the whole table"
        )
        yield subject.finding(altered.FK_WITHOUT_INDEX, subject.statement_naming(key.table), message)
    for late in subject.trip.late_sequences:
        message = (
            f"the largest value of `{late.column}` is {late.top}, but its sequence `{late.sequence}` is at {late.last}"
            ": an INSERT fails when the sequence returns an existing value"
        )
        yield subject.finding(altered.SEQUENCE_BEHIND_DATA, subject.statement_naming(late.column), message)
