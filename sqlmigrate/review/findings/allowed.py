"""Findings that a directive `allow` accepts, and directives that allow nothing."""

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
from sqlmigrate.review.rules.rule import SEVERITIES, Finding
from sqlmigrate.spelling import did_you_mean

ALLOW = re.compile(r"(?P<rule>[a-z][a-z-]*)\s+\((?P<why>.*)\)$")


def excepted(reviewed: Iterable[Reviewed]) -> tuple[Reviewed, ...]:
    """Take the exceptions into account: allowed findings carry their reason, one that nothing needs is found."""
    return tuple(map(_excepted, reviewed))


def _excepted(reviewed: Reviewed) -> Reviewed:
    findings = list(reviewed.findings)
    for script in filter(None, (reviewed.up, reviewed.down)):
        for directive in script.directives:
            if directive.name == "allow":
                findings = _allow(findings, script, directive, is_whole=_is_whole(reviewed.trip))
    return replace(reviewed, findings=tuple(sorted(findings, key=_place)))


def _place(finding: Finding) -> tuple[bool, int, int, str, str]:
    """Order findings as one reads the two files, the gravest of a statement first."""
    start = finding.span.start if finding.span else 0
    severity = SEVERITIES.index(finding.severity)
    return finding.path.endswith(".down.sql"), start, severity, finding.rule.name, finding.message


def _is_whole(trip: RoundTrip | None) -> bool:
    """Tell whether everything was measured: only then it is known what needs no exception."""
    return trip is not None and not trip.up.error and not (trip.down and trip.down.error)


def _allow(findings: list[Finding], script: Script, directive: Directive, *, is_whole: bool) -> list[Finding]:
    """Put the reason of an exception to the findings it is meant for."""
    match = ALLOW.fullmatch(directive.value)
    if match is None:
        return findings
    meant = [
        finding.rule.can_be_allowed
        and finding.rule.name == match["rule"]
        and finding.allowed is None
        and _is_meant(finding, script, directive.above)
        for finding in findings
    ]
    if any(meant):
        return [
            replace(each, allowed=match["why"]) if is_it else each for each, is_it in zip(findings, meant, strict=True)
        ]
    rule = RULES.get(match["rule"])
    if is_whole or rule is None or not rule.can_be_allowed:
        return [*findings, _needless(script, directive, match["rule"])]
    return findings


def _is_meant(finding: Finding, script: Script, above: Statement | None) -> bool:
    if finding.span is None or finding.span.source.path != script.source.path:
        return above is None
    return above is None or above.start <= finding.span.start <= above.end


def _needless(script: Script, directive: Directive, name: str) -> Finding:
    record, rule = RULES["allow-without-need"], RULES.get(name)
    if rule is None:
        message = f"there is no rule `{name}`"
        help_ = did_you_mean(name, RULES) or "sqlmigrate explain lists them"
    elif not rule.can_be_allowed:
        message, help_ = f"no reason makes `{name}` right", f"sqlmigrate explain {name}"
    else:
        message, help_ = f"nothing here needs an exception from `{name}`", "take the line out"
    return Finding(record, record.severity, message, directive.span, script.source.path, what_now=help_)
