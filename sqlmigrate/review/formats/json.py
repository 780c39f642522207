"""A review as JSON, for programs.

Keys are only ever added. If one had to change its meaning, `sqlmigrate_review` would become 2. Lines and columns are
counted in characters from 1. `null` stands for what was not measured or is not known. The shape::

    {"sqlmigrate_review": 1,
     "verdict": {"severity": "danger" | "warning" | null, "text": …},
     "seconds": 0.8,
     "ground": {"base", "base_migrations", "server", "server_version", "tables", "filled",
                "unfilled": [{"table", "why"}], "left_out": [{"migration", "why"}], "stub_roles": […], "why_static",
                "has_sizes", "text": […]},
     "migrations": [{"version", "name", "up": {"file", …}, "down": {"file", …} | null, "severity", "strongest_lock",
                     "who_waits", "way_down", "trip": TRIP | null, "findings": [FINDING]}],
     "findings": [FINDING]}         those of the folder, which belong to no migration

    FINDING  {"rule", "severity", "title", "message", "file", "line", "column", "end_line", "end_column", "statement",
              "waits", "relation", "seconds", "allowed": the reason | null, "instead", "documentation", "what_now",
              "fingerprint"}
    TRIP     {"up": PASS, "down": PASS | null, "changes": [CHANGE], "down_changes": [CHANGE],
              "left": [DIFFERENCE], "again": [DIFFERENCE], "again_error": ERROR | null,
              "row_failures": [{"direction", "number", "error": ERROR, "tables", "query", "is_certain"}],
              "rows": [{"table", "before", "after", "back", "is_same"}], "broken": [{"function", "why"}]}
    PASS     {"file", "mode", "error": ERROR | null, "failed_at", "is_stopped",
              "notices": [{"statement", "text"}], "statements": [STATEMENT]}
    STATEMENT {"number", "line", "sql", "duration_ms", "is_alone", "created", "touches": [TOUCH]}
    TOUCH    {"relation", "kind", "table", "mode", "held", "blocks", "rewritten", "scanned", "inserted", "updated",
              "deleted", "built"}
    CHANGE   {"change", "kind", "before", "after"}
    DIFFERENCE {"kind", "name", "change", "attributes": [{"name", "before", "after"}]}
    ERROR    as in `sqlmigrate --format json up`
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from sqlmigrate.catalog.objects import Change, Difference
from sqlmigrate.errors import StatementError
from sqlmigrate.output import json_values
from sqlmigrate.review.measure.facts import FileRun, RelationEffect, RoundTrip, RowFailure, StatementFacts
from sqlmigrate.review.measure.lock_modes import blocks
from sqlmigrate.review.results import Basis, Review, Reviewed
from sqlmigrate.review.rules.rule import Severity

from . import located, wording
from .located import LocatedFinding

VERSION = 1


def draw(review: Review) -> str:
    """Return the review as one line of JSON."""
    return json_values.line(value(review)) + "\n"


def value(review: Review) -> dict[str, Any]:
    """Return the review as a value of dicts, lists and scalars."""
    severity, text = wording.verdict(review)
    findings = located.found(review)
    return {
        "sqlmigrate_review": VERSION,
        "verdict": {"severity": severity, "text": text},
        "seconds": round(review.seconds, 3),
        "ground": _ground(review.basis, list(wording.basis(review))),
        "migrations": [_migration(each, located.of(each, findings)) for each in review.migrations],
        "findings": list(_findings(located.of(None, findings))),
    }


def _ground(on: Basis, text: Sequence[str]) -> dict[str, Any]:
    return {
        "base": on.base, "base_migrations": on.base_migrations, "server": on.server,
        "server_version": on.version or None, "tables": on.tables, "filled": on.filled,
        "unfilled": [{"table": each.table, "why": each.reason} for each in on.unfilled],
        "left_out": [{"migration": each.label, "why": each.reason} for each in on.left_out],
        "stub_roles": list(on.stub_roles),
        "why_static": on.why_static or None, "has_sizes": on.has_sizes, "text": list(text),
    }  # fmt: skip


def _migration(reviewed: Reviewed, findings: Sequence[LocatedFinding]) -> dict[str, Any]:
    migration = reviewed.migration
    severity: Severity | None = wording.severity(reviewed)
    return {
        "version": migration.version, "name": migration.name, "up": {"file": migration.up.path},
        "down": {"file": migration.down.path} if migration.down else None, "severity": severity,
        "strongest_lock": wording.strongest_words(reviewed), "who_waits": wording.who_waits(reviewed),
        "way_down": wording.down_words(reviewed), "trip": _trip(reviewed.trip) if reviewed.trip else None,
        "findings": list(_findings(findings)),
    }  # fmt: skip


def _findings(findings: Sequence[LocatedFinding]) -> Iterator[dict[str, Any]]:
    """Return findings as values; the first of each rule has what to write instead for all of them."""
    advised: set[str] = set()
    for each in findings:
        value = _finding(each)
        if each.finding.rule.name in advised:
            value["instead"] = None
        elif each.finding.instead:
            advised.add(each.finding.rule.name)
        yield value


def _finding(each: LocatedFinding) -> dict[str, Any]:
    finding, span = each.finding, each.span
    end = span.source.place(span.end) if span else (None, None)
    return {
        "rule": finding.rule.name, "severity": finding.severity, "title": finding.rule.title,
        "message": finding.message, "file": each.path, "line": span.line if span else None,
        "column": span.column if span else None, "end_line": end[0], "end_column": end[1],
        "further_lines": each.further_lines, "statement": each.statement.text if each.statement else None,
        "waits": finding.waits or None,
        "relation": finding.relation or None, "objects": list(finding.objects),
        "seconds": finding.seconds, "allowed": finding.allowed,
        "instead": finding.instead or None, "documentation": finding.rule.documentation,
        "what_now": finding.what_now or None, "fingerprint": each.fingerprint,
    }  # fmt: skip


def _trip(trip: RoundTrip) -> dict[str, Any]:
    return {
        "up": _pass(trip.up),
        "down": _pass(trip.down) if trip.down else None,
        "changes": [_change(each) for each in trip.changes],
        "down_changes": [_change(each) for each in trip.down_changes],
        "left": [_difference(each) for each in trip.left],
        "again": [_difference(each) for each in trip.again],
        "again_error": _error(trip.again_error),
        "row_failures": [_row_failure(each) for each in trip.row_failures],
        "rows": _rows(trip),
        "broken": [{"function": each.function, "why": each.reason} for each in trip.broken],
    }


def _row_failure(each: RowFailure) -> dict[str, Any]:
    return {
        "direction": each.direction, "number": each.number or None, "error": _error(each.error),
        "tables": list(each.tables), "query": each.query or None, "is_certain": each.is_certain,
    }  # fmt: skip


def _pass(done: FileRun) -> dict[str, Any]:
    return {
        "file": done.script.source.path, "mode": done.script.mode, "error": _error(done.error),
        "failed_at": done.failed_at or None, "is_stopped": done.is_stopped,
        "notices": [{"statement": each.number, "text": each.text} for each in done.notices],
        "statements": [_statement(done, each) for each in done.statements],
    }  # fmt: skip


def _statement(done: FileRun, facts: StatementFacts) -> dict[str, Any]:
    statement = wording.statement(done, facts)
    return {
        "number": facts.number, "line": statement.line if statement else None,
        "sql": statement.text if statement else None, "duration_ms": round(facts.duration_ms, 3),
        "is_alone": facts.is_alone, "created": facts.created, "touches": [_touch(each) for each in facts.touches],
    }  # fmt: skip


def _touch(touch: RelationEffect) -> dict[str, Any]:
    relation = touch.relation
    return {
        "relation": relation.name, "kind": relation.kind, "table": relation.table, "mode": touch.mode or None,
        "held": touch.held or None, "blocks": blocks(touch.mode), "rewritten": touch.rewritten,
        "scanned": touch.scanned, "inserted": touch.inserted, "updated": touch.updated, "deleted": touch.deleted,
        "built": list(touch.built),
    }  # fmt: skip


def _change(change: Change) -> dict[str, Any]:
    return {
        "change": change.change, "kind": change.kind, "before": change.before.name if change.before else None,
        "after": change.after.name if change.after else None,
    }  # fmt: skip


def _difference(each: Difference) -> dict[str, Any]:
    attributes = [{"name": name, "before": before, "after": after} for name, before, after in each.attributes]
    return {"kind": each.kind, "name": each.name, "change": each.change, "attributes": attributes}


def _rows(trip: RoundTrip) -> list[dict[str, Any]]:
    changed = dict(wording.rows_changed(trip))
    return [
        {
            "table": table, "before": before.count, "after": _count(trip.rows_after.get(table)),
            "back": _count(trip.rows_back.get(table)), "is_same": table not in changed if trip.rows_back else None,
        }
        for table, before in trip.rows_before.items()
    ]  # fmt: skip


def _count(rows: Any) -> int | None:
    return None if rows is None else int(rows.count)


def _error(error: StatementError | None) -> dict[str, Any] | None:
    return json_values.error_value(error) if error else None
