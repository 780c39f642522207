"""A review as a code quality report of GitLab.

https://docs.gitlab.com/ci/testing/code_quality/#code-quality-report-format
"""

from __future__ import annotations

from typing import Any

from sqlmigrate import machine
from sqlmigrate.review.facts import Review

from . import found as places, words
from .found import Found

_SEVERITIES = {"danger": "critical", "warning": "major", "note": "info"}


def draw(review: Review) -> str:
    """Give the findings that nobody has allowed, as one line of JSON."""
    return machine.line([_issue(each) for each in places.open_findings(review)]) + "\n"


def _issue(each: Found) -> dict[str, Any]:
    finding = each.finding
    waits = f" Who waits: {finding.waits}." if words.blocked(finding) else ""
    lines = {"begin": each.line, "end": each.span.end_line if each.span else each.line}
    return {
        "type": "issue",
        "check_name": finding.rule.name,
        "description": f"{words.sentence(finding.message)}{waits}",
        "categories": ["Bug Risk"],
        "severity": _SEVERITIES[finding.severity],
        "fingerprint": each.fingerprint,
        "location": {"path": each.path.removeprefix("./"), "lines": lines},
    }
