"""Findings that a directive `allow` accepts, and directives that accept none."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace

from sqlmigrate.parsing.directives import Directive
from sqlmigrate.parsing.script import Script
from sqlmigrate.parsing.statement import Statement
from sqlmigrate.review.measure.facts import RoundTrip
from sqlmigrate.review.results import Reviewed
from sqlmigrate.review.rules.all_rules import RULES
from sqlmigrate.review.rules.merged_files import ALLOW_WITHOUT_NEED
from sqlmigrate.review.rules.rule import SEVERITIES, Finding
from sqlmigrate.spelling import did_you_mean

_ALLOW = re.compile(r"(?P<rule>[a-z][a-z-]*)\s+\((?P<why>.*)\)$")


def apply_exceptions(reviewed: Iterable[Reviewed]) -> tuple[Reviewed, ...]:
    """Give allowed findings their reasons, add a finding for each unused directive, and sort the findings."""
    return tuple(map(_apply, reviewed))


def _apply(reviewed: Reviewed) -> Reviewed:
    findings = list(reviewed.findings)
    for script in filter(None, (reviewed.up, reviewed.down)):
        for directive in script.directives:
            if directive.name == "allow":
                findings = _allow(findings, script, directive, is_complete=_is_complete(reviewed.trip))
    return replace(reviewed, findings=tuple(sorted(findings, key=_order)))


def _order(finding: Finding) -> tuple[bool, int, int, str, str]:
    """Order findings by their places in the two files, and at one place by severity."""
    start = finding.span.start if finding.span else 0
    severity = SEVERITIES.index(finding.severity)
    return finding.path.endswith(".down.sql"), start, severity, finding.rule.name, finding.message


def _is_complete(trip: RoundTrip | None) -> bool:
    """Return whether everything was measured: only then is an exception known to be unused."""
    return trip is not None and not trip.up.error and not (trip.down and trip.down.error)


def _allow(findings: list[Finding], script: Script, directive: Directive, *, is_complete: bool) -> list[Finding]:
    """Give the reason of a directive to the findings that it allows; add a finding if there are none."""
    match = _ALLOW.fullmatch(directive.value)
    if match is None:
        return findings
    is_allowed = [
        finding.rule.can_be_allowed
        and finding.rule.name == match["rule"]
        and finding.allowed is None
        and _covers(directive.above, script, finding)
        for finding in findings
    ]
    if any(is_allowed):
        pairs = zip(findings, is_allowed, strict=True)
        return [replace(each, allowed=match["why"]) if allowed else each for each, allowed in pairs]
    rule = RULES.get(match["rule"])
    if is_complete or rule is None or not rule.can_be_allowed:
        return [*findings, _unused(script, directive, match["rule"])]
    return findings


def _covers(above: Statement | None, script: Script, finding: Finding) -> bool:
    """Return whether a directive covers a finding: it is above its statement, or at the head of its file."""
    if finding.span is None or finding.span.source.path != script.source.path:
        return above is None
    return above is None or above.start <= finding.span.start <= above.end


def _unused(script: Script, directive: Directive, name: str) -> Finding:
    rule = RULES.get(name)
    if rule is None:
        message, advice = f"unknown rule `{name}`", did_you_mean(name, RULES) or "sqlmigrate explain lists the rules"
    elif not rule.can_be_allowed:
        message, advice = f"`{name}` cannot be allowed", f"remove the line; why: sqlmigrate explain {name}"
    else:
        message, advice = f"unused `allow {name}`", "remove the line"
    severity = ALLOW_WITHOUT_NEED.severity
    return Finding(ALLOW_WITHOUT_NEED, severity, message, directive.span, script.source.path, what_now=advice)
