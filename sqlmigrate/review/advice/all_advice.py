"""The advice of every rule, and the findings of a review with it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType

from sqlmigrate.catalog.objects import Catalog
from sqlmigrate.files.migration import Migration, version_number
from sqlmigrate.review.findings.subject import Subject
from sqlmigrate.review.measure.facts import FileRun, RoundTrip
from sqlmigrate.review.results import Reviewed
from sqlmigrate.review.rules import constraints as constraint_rules, indexes as index_rules
from sqlmigrate.review.rules.rule import Finding

from . import constraints, indexes
from .case import Case
from .draft import Draft, drawn

Advice = Callable[[Case], Draft | None]

ADVICE: Mapping[str, Advice] = MappingProxyType(
    {
        index_rules.CREATE_INDEX_BLOCKING.name: indexes.create_index,
        constraint_rules.SET_NOT_NULL_SCAN.name: constraints.set_not_null,
        constraint_rules.CONSTRAINT_WITHOUT_NOT_VALID.name: constraints.not_valid,
        constraint_rules.FOREIGN_KEY_WITHOUT_NOT_VALID.name: constraints.not_valid,
        constraint_rules.ADD_COLUMN_CHECK_SCAN.name: constraints.not_valid,
        constraint_rules.VALIDATE_SAME_TRANSACTION.name: constraints.validate_later,
    }
)
"""What writes the advice of a rule, by the name of the rule."""


@dataclass(frozen=True)
class Folder:
    """What all advice of a review has in common.

    Attributes:
        newest: the newest version of the folder, merged or new
        version: the version of the shadow server, as 180004; 0 if nothing was executed
    """

    newest: str
    version: int


def newest(*migrations: Migration) -> str:
    """Return the newest version of some migrations."""
    return max((each.version for each in migrations), key=version_number)


def with_advice(reviewed: Sequence[Reviewed], folder: Folder) -> tuple[Reviewed, ...]:
    """Give the findings of each migration what to write instead; those of one rule have the same text."""
    return tuple(replace(each, findings=tuple(_advised(each, folder))) for each in reviewed)


def _advised(reviewed: Reviewed, folder: Folder) -> list[Finding]:
    findings = list(reviewed.findings)
    if reviewed.up is None:
        return findings
    trip = reviewed.trip or RoundTrip(Catalog({}), FileRun("up", reviewed.up, ()))
    subject = Subject(reviewed.migration, reviewed.up, trip, {}, folder.version)
    open_ones = [each for each in findings if each.allowed is None]
    for name in dict.fromkeys(each.rule.name for each in open_ones):
        own = [each for each in open_ones if each.rule.name == name]
        if name in ADVICE and (draft := ADVICE[name](Case(subject, reviewed.down, tuple(own)))):
            text = drawn(draft, reviewed.migration, folder.newest)
            findings = [replace(each, instead=text) if each in own else each for each in findings]
    return findings
