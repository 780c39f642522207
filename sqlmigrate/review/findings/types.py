"""Findings of types that permit less, or check less, than before: labels of enums, constraints of domains."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace

from sqlmigrate.catalog.objects import Catalog, Object
from sqlmigrate.identifiers import displayed, last_part, parent
from sqlmigrate.review.rules import altered, guarantees, removed
from sqlmigrate.review.rules.rule import Finding

from .definitions import rule_of_check
from .schema_changes import SchemaChanges, is_on
from .subject import Subject

_LABEL = re.compile(r"'((?:[^']|'')*)'")


def find(subject: Subject, changes: SchemaChanges) -> Iterator[Finding]:
    """Return these findings of an up file."""
    before, after = subject.trip.before, subject.trip.after
    if after is None:
        return
    yield from _labels(subject, changes)
    yield from _labels_of_columns(subject, changes, before, after)
    yield from _domain_constraints(subject, changes, after)
    for old, new in _pairs(changes, "domain"):
        yield from _domain(subject, old, new)


def _pairs(changes: SchemaChanges, kind: str) -> Iterator[tuple[Object, Object]]:
    """Return the types of a kind that were altered, or that another one has replaced: before, after."""
    altered_ones = ((each.before, each.after) for each in changes.all("altered") if each.before and each.after)
    for before, after in (*changes.replaced(), *altered_ones):
        if before is not None and after is not None and before.kind == after.kind == kind:
            yield before, after


# enums


def _labels(subject: Subject, changes: SchemaChanges) -> Iterator[Finding]:
    renamed = {(parent(change.before.name), label) for change, label, _ in changes.renamed_labels() if change.before}
    for before, after in _pairs(changes, "enum"):
        lost = [each for each in _lost(before, after) if (before.name, each) not in renamed]
        if lost:
            message = f"`{displayed(before.name)}` no longer has {_named(lost)}"
            yield subject.finding(removed.ENUM_LABEL_REMOVED, subject.place_of_name(after), message)


def _labels_of_columns(subject: Subject, changes: SchemaChanges, was: Catalog, now: Catalog) -> Iterator[Finding]:
    """Return findings of columns that have an enum of another name now, without a label of the old one."""
    for before, after in changes.altered_columns():
        old, new = (each.type.removesuffix("[]") for each in (before, after))
        types = was.objects.get(("enum", old)), now.objects.get(("enum", new))
        is_reported = old == new or changes.is_same_object("enum", old, new)
        if types[0] and types[1] and not is_reported and (lost := [*_lost(types[0], types[1])]):
            message = f"`{displayed(after.name)}` has the type {displayed(new)} now, which does not have {_named(lost)}"
            yield subject.finding(removed.ENUM_LABEL_REMOVED, subject.place_of_first(after.object), message)


def _lost(before: Object, after: Object) -> Iterator[str]:
    now = _LABEL.findall(after.attributes.get("labels") or "")
    return (each for each in _LABEL.findall(before.attributes.get("labels") or "") if each not in now)


def _named(labels: list[str]) -> str:
    names = ", ".join(f"'{each}'" for each in labels)
    word, them = ("label", "it") if len(labels) == 1 else ("labels", "them")
    return f"the {word} {names}: statements of the running application that use {them} fail"


# domains


def _domain_constraints(subject: Subject, changes: SchemaChanges, now: Catalog) -> Iterator[Finding]:
    for change in changes.all("gone"):
        constraint = change.before
        if constraint is None or constraint.kind != "domain constraint":
            continue
        domain = parent(constraint.name)
        text = rule_of_check(constraint.definition)
        left = [
            rule_of_check(each.definition)
            for (kind, name), each in now.objects.items()
            if kind == "domain constraint" and parent(name) == domain
        ]
        if ("domain", domain) in now.objects and text not in left:
            message = f"the CHECK `{last_part(constraint.name)}` of the domain `{displayed(domain)}` is gone"
            message += f": {text} is no longer enforced"
            yield subject.finding(guarantees.CHECK_REMOVED, subject.place_of(change), message)


def _domain(subject: Subject, before: Object, after: Object) -> Iterator[Finding]:
    name, place = displayed(after.name), subject.place_of_first(after)
    if before.attributes.get("default") and not after.attributes.get("default"):
        message = f"the domain `{name}` has no default any more: an INSERT without such a column writes NULL, or fails"
        yield replace(subject.finding(altered.COLUMN_DEFAULT_REMOVED, place, message), severity="warning")
    if is_on(after, "not null") and not is_on(before, "not null"):
        message = f"the domain `{name}` is now NOT NULL: statements that set such a column to NULL fail"
        yield replace(subject.finding(altered.NEW_NOT_NULL_WITHOUT_DEFAULT, place, message), severity="warning")
