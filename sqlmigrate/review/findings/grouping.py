"""Merges the findings of one cause into one finding, which lists what it touches and has every place.

The findings of one rule in one file are merged: an index on sixty partitions is one finding, and so are fourteen
renamed columns. This happens last, when it is known what a directive `allow` accepts: it accepts only the findings at
its own statement. Findings of different severity stay apart, so a danger is never part of a note. At one statement
the estimated times are added, and decide the severity together.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

from sqlmigrate.identifiers import last_part
from sqlmigrate.review.results import Reviewed
from sqlmigrate.review.rules.rule import SEVERITIES, Finding, Severity
from sqlmigrate.source import Span

from . import cascades
from .estimates import duration
from .listing import partition_parents
from .merged_sentence import merged_sentence
from .subject import graded

_WAITING = ("everyone", "writers", "nobody")  # the gravest first


def group(reviewed: Reviewed) -> Reviewed:
    """Merge the findings of a migration; they stay in the order of their places."""
    trip = reviewed.trip if len(reviewed.findings) > 1 else None
    parents = partition_parents(trip.before, trip.after) if trip else {}
    texts = {
        (script.source.path, each.start): each.text
        for script in (reviewed.up, reviewed.down)
        if script and len(reviewed.findings) > 1
        for each in script.statements
    }
    findings = reviewed.findings
    if trip and reviewed.up:
        findings = tuple(cascades.fold(findings, reviewed.up, trip))
    at_once = _collected([[finding] for finding in findings], _of_one_statement)
    at_once = [sorted(each, key=lambda finding: not _is_named(finding, texts)) for each in at_once]
    in_file = _collected(at_once, _of_one_file)
    return replace(reviewed, findings=tuple(_merged(each, parents) for each in in_file))


def _is_named(finding: Finding, texts: Mapping[tuple[str, int], str]) -> bool:
    """Return whether the statement names what a finding is about: that comes before what follows from it."""
    text = texts.get((finding.path, finding.span.start), "") if finding.span else ""
    return re.search(rf"(?<![\w$]){re.escape(last_part(finding.about))}(?![\w$])", text, re.IGNORECASE) is not None


def _of_one_statement(findings: Sequence[Finding]) -> tuple[object, ...]:
    finding = findings[0]
    start = finding.span.start if finding.span else -1
    severity = "" if finding.seconds is not None else finding.severity  # the sum of the times decides it
    return finding.rule.name, finding.path, start, finding.allowed, severity


def _of_one_file(findings: Sequence[Finding]) -> tuple[object, ...]:
    return findings[0].rule.name, findings[0].path, findings[0].allowed, _severity(findings)


def _collected(
    groups: Iterable[list[Finding]], key: Callable[[Sequence[Finding]], tuple[object, ...]]
) -> list[list[Finding]]:
    found: dict[tuple[object, ...], list[Finding]] = {}
    for findings in groups:
        found.setdefault(key(findings), []).extend(findings)
    return [*found.values()]


def _severity(findings: Sequence[Finding]) -> Severity:
    """Return the severity of findings of one rule: the gravest, or a graver one if their times add up to more."""
    gravest = min((each.severity for each in findings), key=SEVERITIES.index)
    times = [each.seconds for each in findings if each.seconds is not None]
    if len(findings) == 1 or len(times) < len(findings):
        return gravest
    return min(gravest, graded(findings[0].rule.severity, sum(times)), key=SEVERITIES.index)


def _merged(findings: Sequence[Finding], parents: Mapping[str, str]) -> Finding:
    """Return one finding for several of one rule in one file: with the place of the first, and those of the others."""
    first = findings[0]
    if len(findings) == 1:
        return first
    times = [each.seconds for each in findings if each.seconds is not None]
    seconds = sum(times) if times else None
    return replace(
        first,
        severity=_severity(findings),
        message=merged_sentence(findings, parents),
        waits=_waits(findings, seconds),
        seconds=seconds,
        objects=tuple(dict.fromkeys(each.about for each in findings if each.about)),
        places=tuple(_further_places(findings)),
        what_now=_advice(findings),
    )


def _advice(findings: Sequence[Finding]) -> str:
    """Return the first advice that has commands to paste, with those of all findings; or else the first advice."""
    told = [each.what_now.split("\n") for each in findings if each.what_now]
    best = next((lines for lines in told if len(lines) > 1), told[0] if told else [""])
    commands = [tuple(lines[1:]) for lines in told if lines[0] == best[0]]
    return "\n".join([best[0], *(line for lines in dict.fromkeys(commands) for line in lines)])


def _waits(findings: Sequence[Finding], seconds: float | None) -> str:
    """Return who waits at most, and for how long in all."""
    told = [each.waits for each in findings if each.waits]
    who = next((each for each in _WAITING if any(waits.split(",")[0] == each for waits in told)), "")
    alike = set(told)
    if len(alike) == 1 or seconds is None or who in ("", "nobody"):
        return alike.pop() if len(alike) == 1 else who
    return f"{who}, for {duration(seconds)} in all (estimate)"


def _further_places(findings: Sequence[Finding]) -> Iterator[Span]:
    seen = {findings[0].span.start} if findings[0].span else set()
    for finding in findings:
        if finding.span is not None and finding.span.start not in seen:
            seen.add(finding.span.start)
            yield finding.span
