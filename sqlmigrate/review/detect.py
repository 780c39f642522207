"""All findings of a migration: the detectors one after the other, and the exceptions that its files make."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Iterator
from dataclasses import replace

from sqlmigrate.directive import Directive
from sqlmigrate.files import Migration
from sqlmigrate.split import Statement
from sqlmigrate.statement import Script

from . import detect_data, detect_down, detect_failure, detect_lock, detect_text
from .facts import Reviewed, Trip
from .rule import SEVERITIES, Finding
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


def static(migration: Migration, up: Script, new: set[str]) -> Iterator[Finding]:
    """Give what the text alone shows, where there is no server; `new` gathers the tables that the new files make."""
    yield from detect_text.find(up, new)
    yield from detect_down.missing(migration, up)


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


def _is_whole(trip: Trip | None) -> bool:
    """Tell whether everything was measured: only then it is known what needs no exception."""
    return trip is not None and not trip.up.error and not (trip.down and trip.down.error)


def _allow(findings: list[Finding], script: Script, directive: Directive, *, is_whole: bool) -> list[Finding]:
    """Put the reason of an exception to the findings it is meant for."""
    match = _ALLOW.fullmatch(directive.value)
    if match is None:
        return findings
    meant = [
        finding.rule.can_be_meant
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
    if is_whole or rule is None or not rule.can_be_meant:
        return [*findings, _needless(script, directive, match["rule"])]
    return findings


def _is_meant(finding: Finding, script: Script, above: Statement | None) -> bool:
    if finding.span is None or finding.span.source.path != script.source.path:
        return above is None
    return above is None or above.start <= finding.span.start <= above.end


def _needless(script: Script, directive: Directive, name: str) -> Finding:
    record, rule = RULES["allow-without-need"], RULES.get(name)
    if rule is None:
        near = difflib.get_close_matches(name, RULES, n=1, cutoff=0.5)
        message = f"there is no rule `{name}`"
        help_ = f"did you mean `{near[0]}`?" if near else "sqlmigrate explain lists them"
    elif not rule.can_be_meant:
        message, help_ = f"no reason makes `{name}` right", f"sqlmigrate explain {name}"
    else:
        message, help_ = f"nothing here needs an exception from `{name}`", "take the line out"
    return Finding(record, record.severity, message, directive.span, script.source.path, what_now=help_)
