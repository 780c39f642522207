"""All findings of a migration: the detectors one after the other, and the exceptions that its files make."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Iterator
from dataclasses import replace

from sqlmigrate.files import Migration
from sqlmigrate.split import Statement
from sqlmigrate.statement import Directive, Script

from . import detect_data, detect_down, detect_failure, detect_lock, detect_text
from .facts import Reviewed
from .rule import Finding
from .rules import RULES
from .subject import Subject

of_file = detect_failure.of_file
_ALLOW = re.compile(r"(?P<rule>[a-z][a-z-]*)\s+\((?P<why>.*)\)$")


def found(subject: Subject, down: Script | None) -> Iterator[Finding]:
    """Give every finding of a migration that was executed on a shadow."""
    yield from detect_failure.find(subject)
    yield from detect_lock.find(subject)
    yield from detect_data.find(subject)
    yield from detect_down.find(subject, down)


def static(migration: Migration, up: Script) -> Iterator[Finding]:
    """Give what the text alone shows, where there is no server."""
    yield from detect_text.find(up)
    yield from detect_down.missing(migration, up)


def excepted(reviewed: Iterable[Reviewed]) -> tuple[Reviewed, ...]:
    """Take the exceptions into account: allowed findings carry their reason, one that nothing needs is found."""
    return tuple(map(_excepted, reviewed))


def _excepted(reviewed: Reviewed) -> Reviewed:
    findings = list(reviewed.findings)
    for script in filter(None, (reviewed.up, reviewed.down)):
        for directive in script.directives:
            if directive.name == "allow":
                findings = _allow(findings, script, directive, is_measured=reviewed.trip is not None)
    return replace(reviewed, findings=tuple(findings))


def _allow(findings: list[Finding], script: Script, directive: Directive, *, is_measured: bool) -> list[Finding]:
    """Put the reason of an exception to the findings it is meant for."""
    match = _ALLOW.fullmatch(directive.value)
    if match is None:
        return findings
    allowed = [
        replace(finding, allowed=match["why"])
        if finding.rule.name == match["rule"] and _is_meant(finding, script, directive.above)
        else finding
        for finding in findings
    ]
    if allowed == findings and (is_measured or match["rule"] not in RULES):
        allowed.append(_needless(script, directive, match["rule"]))
    return allowed


def _is_meant(finding: Finding, script: Script, above: Statement | None) -> bool:
    if finding.span is None or finding.span.source.path != script.source.path:
        return above is None
    return above is None or above.start <= finding.span.start <= above.end


def _needless(script: Script, directive: Directive, name: str) -> Finding:
    record = RULES["allow-without-need"]
    if name in RULES:
        message, help_ = f"nothing here needs an exception from `{name}`", "take the line out"
    else:
        near = difflib.get_close_matches(name, RULES, n=1, cutoff=0.5)
        message = f"there is no rule `{name}`"
        help_ = f"did you mean `{near[0]}`?" if near else "sqlmigrate explain lists them"
    return Finding(record, record.severity, message, directive.span, script.source.path, what_now=help_)
