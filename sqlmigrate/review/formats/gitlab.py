"""A review as a code quality report of GitLab.

https://docs.gitlab.com/ci/testing/code_quality/#code-quality-report-format
"""

from __future__ import annotations

from typing import Any

from sqlmigrate.output import json_values
from sqlmigrate.review.results import Review

from . import located, wording
from .located import LocatedFinding

_SEVERITIES = {"danger": "critical", "warning": "major", "note": "info"}


def draw(review: Review) -> str:
    """Return the findings that are not allowed, as one line of JSON."""
    return json_values.line([_issue(each) for each in located.open_findings(review)]) + "\n"


def _issue(each: LocatedFinding) -> dict[str, Any]:
    finding = each.finding
    waits = f" Who waits: {finding.waits}." if wording.blocked(finding) else ""
    lines = {"begin": each.line, "end": each.span.end_line if each.span else each.line}
    return {
        "type": "issue",
        "check_name": finding.rule.name,
        "description": f"{wording.sentence(finding.message)}{waits}",
        "categories": ["Bug Risk"],
        "severity": _SEVERITIES[finding.severity],
        "fingerprint": each.fingerprint,
        "location": {"path": each.root_path, "lines": lines},
    }
