"""A review as SARIF 2.1.0, for code scanning and editors.

https://docs.oasis-open.org/sarif/sarif/v2.1.0/sarif-v2.1.0.html. An allowed finding stays in it as a result with a
suppression in the source, and the reason as its justification.
"""

from __future__ import annotations

import posixpath
from collections.abc import Sequence
from dataclasses import replace
from typing import Any
from urllib.parse import quote

from sqlmigrate.output import json_values
from sqlmigrate.review.results import Review
from sqlmigrate.review.rules.rule import Rule, Severity
from sqlmigrate.source import Span
from sqlmigrate.version import __version__

from . import located, wording
from .located import LocatedFinding

_SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
_ROOT = "%SRCROOT%"  # its URI is known only where the file is read: section 3.14.14 allows to leave it out
_LEVELS: dict[Severity, str] = {"danger": "error", "warning": "warning", "note": "note"}


def draw(review: Review) -> str:
    """Return the review as one line of SARIF."""
    return json_values.line({"$schema": _SCHEMA, "version": "2.1.0", "runs": [_run(review)]}) + "\n"


def _run(review: Review) -> dict[str, Any]:
    findings = located.found(review)
    rules = list({each.finding.rule.name: each.finding.rule for each in findings}.values())
    driver = {"name": "sqlmigrate", "version": __version__, "rules": [_rule(rule) for rule in rules]}
    said = [{"level": "note", "message": {"text": sentence}} for sentence in wording.basis(review)]
    return {
        "tool": {"driver": driver},
        "columnKind": "unicodeCodePoints",
        "originalUriBaseIds": {_ROOT: {"description": {"text": "The root of the repository."}}},
        "invocations": [{"executionSuccessful": True, "toolExecutionNotifications": said}],
        "results": [_result(each, rules) for each in findings],
    }


def _rule(rule: Rule) -> dict[str, Any]:
    markdown = f"{rule.why}\n\n[{rule.name}]({rule.documentation})"
    return {
        "id": rule.name,
        "shortDescription": {"text": rule.title},
        "fullDescription": {"text": rule.why or rule.title},
        "help": {"text": rule.why or rule.title, "markdown": markdown},
        "defaultConfiguration": {"level": _LEVELS[rule.severity]},
        "helpUri": rule.documentation,
    }


def _result(each: LocatedFinding, rules: Sequence[Rule]) -> dict[str, Any]:
    finding = each.finding
    waits = f" Who waits: {finding.waits}." if wording.blocked(finding) else ""
    advice, _, commands = finding.what_now.partition("\n")
    now = f" {wording.sentence(advice)}" * bool(advice) + f"\n{commands}" * bool(commands)
    names = [rule.name for rule in rules]
    result: dict[str, Any] = {
        "ruleId": finding.rule.name,
        "ruleIndex": names.index(finding.rule.name),
        "level": _LEVELS[finding.severity],
        "message": {"text": f"{wording.sentence(finding.message)}{waits}{now}"},
        "locations": [{"physicalLocation": _place(each)}],
        "partialFingerprints": {"sqlmigrate/v1": each.fingerprint},
    }
    if finding.places:
        result["relatedLocations"] = [
            {"physicalLocation": _place(replace(each, span=span))} for span in finding.places if span.end
        ]
    if finding.instead:
        result["properties"] = {"instead": finding.instead}
    if finding.allowed is not None:
        result["suppressions"] = [{"kind": "inSource", "status": "accepted", "justification": finding.allowed}]
    return result


def _place(each: LocatedFinding) -> dict[str, Any]:
    uri = quote(each.root_path)
    base = {} if posixpath.isabs(each.root_path) else {"uriBaseId": _ROOT}
    place: dict[str, Any] = {"artifactLocation": {"uri": uri, **base}}
    place["region"] = _region(each.span) if each.span else {"startLine": 1}
    return place


def _region(span: Span) -> dict[str, int]:
    """Return the place; `endColumn` is the column after its last character."""
    end_line, end_column = span.source.place(span.end)
    return {"startLine": span.line, "startColumn": span.column, "endLine": end_line, "endColumn": end_column}
