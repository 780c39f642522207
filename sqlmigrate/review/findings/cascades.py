"""Rows that foreign keys delete or change with a statement are told with that statement, not by findings of their own.

A DELETE whose rows are lost is a finding, and so is a write of many rows: it names the tables that ON DELETE or ON
UPDATE writes to as well. Without such a finding, or if that is allowed, hidden-writes names them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from sqlmigrate.identifiers import is_same
from sqlmigrate.parsing.script import Script
from sqlmigrate.review.measure.facts import RelationEffect, RoundTrip
from sqlmigrate.review.rules.locks import BULK_DML, HIDDEN_WRITES
from sqlmigrate.review.rules.removed import ROWS_LOST
from sqlmigrate.review.rules.rule import Finding
from sqlmigrate.spelling import plural

from .definitions import foreign_key

_HOSTS = (ROWS_LOST, BULK_DML)  # the gravest first


def fold(findings: Sequence[Finding], up: Script, trip: RoundTrip) -> list[Finding]:
    """Replace the findings of rows that foreign keys write by a clause of the finding about their statement."""
    told, dropped = {}, set()
    for number, each in enumerate(findings):
        effect = _by_foreign_key(each, up, trip)
        host = _host(each, findings) if effect else None
        if effect and host:
            told[number] = _clause(host, effect)
            dropped |= {at for at, other in enumerate(findings) if other.rule is host.rule and _is_alike(other, each)}
    return [told.get(number, each) for number, each in enumerate(findings) if number not in dropped]


def _by_foreign_key(finding: Finding, up: Script, trip: RoundTrip) -> RelationEffect | None:
    """Return what a statement did to the rows of a table that it does not name, if a foreign key did that."""
    if finding.rule is not HIDDEN_WRITES or finding.allowed is not None or finding.span is None:
        return None
    for facts in trip.up.statements:
        if up.statements[facts.number - 1].start == finding.span.start:
            for touch in facts.touches:
                is_written = touch.deleted + touch.updated > 0 and not touch.inserted
                if is_written and touch.relation.name == finding.about and _has_action(touch.relation.name, trip):
                    return touch
    return None


def _has_action(table: str, trip: RoundTrip) -> bool:
    """Return whether a foreign key of a table has an action on DELETE or UPDATE."""
    keys = (each for (kind, _), each in trip.before.objects.items() if kind == "constraint")
    return any(is_same(each.table, table) and (key := foreign_key(each.definition)) and key.actions for each in keys)


def _host(hidden: Finding, findings: Sequence[Finding]) -> Finding | None:
    """Return the gravest finding of the same statement that is about another table."""
    there = [
        each
        for each in findings
        if each.rule in _HOSTS and each.span == hidden.span and each.allowed is None and each.about != hidden.about
    ]
    named = [each for each in there if not any(_is_alike(each, other) for other in _hidden(findings))]
    return min(named, key=lambda each: _HOSTS.index(each.rule), default=None)


def _hidden(findings: Sequence[Finding]) -> Iterator[Finding]:
    return (each for each in findings if each.rule is HIDDEN_WRITES)


def _is_alike(finding: Finding, other: Finding) -> bool:
    return finding.span == other.span and finding.path == other.path and finding.about == other.about


def _clause(host: Finding, effect: RelationEffect) -> Finding:
    """Return a finding that is merged with the one about the statement."""
    done = "delete" if effect.deleted else "change"
    message = f"foreign keys {done} {plural(effect.deleted or effect.updated, 'row')} of `{effect.relation.name}` too"
    seconds = 0.0 if host.seconds is not None else None
    return replace(host, message=message, about=effect.relation.name, relation=effect.relation.name, seconds=seconds)
