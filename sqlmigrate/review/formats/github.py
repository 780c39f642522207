"""A review as workflow commands of GitHub Actions: annotations on the lines of the gravest findings.

https://docs.github.com/en/actions/reference/workflow-commands-for-github-actions
"""

from __future__ import annotations

from collections.abc import Sequence

from sqlmigrate.output.excerpt import printable
from sqlmigrate.review.results import Review
from sqlmigrate.spelling import plural

from . import located, wording
from .located import LocatedFinding

_MOST = 10
_COMMANDS = {"danger": "error", "warning": "warning", "note": "notice"}


def draw(review: Review) -> str:
    """Return one command for each place with findings, the gravest first, and the verdict last.

    GitHub shows ten annotations of a kind and hides the rest, so only the ten gravest places are annotated.
    """
    places: dict[tuple[str, int], list[LocatedFinding]] = {}
    for each in located.open_findings(review):
        places.setdefault((each.path, each.line), []).append(each)
    lines = [_command(some) for some in list(places.values())[:_MOST]]
    if len(places) > _MOST:
        lines.append(f"and {plural(len(places) - _MOST, 'more place')}, without an annotation")
    severity, said = wording.verdict(review)
    return "\n".join([*lines, f"{wording.MARKS[severity]} {said}"]) + "\n"


def _command(findings: Sequence[LocatedFinding]) -> str:
    first = findings[0]
    title = ", ".join(dict.fromkeys(each.finding.rule.name for each in findings))
    properties = {"file": first.root_path, **_place(first), "title": title}
    said = ",".join(f"{name}={_property(value)}" for name, value in properties.items())
    text = "\n\n".join(map(_message, findings))
    return f"::{_COMMANDS[first.severity]} {said}::{_data(text)}"


def _place(each: LocatedFinding) -> dict[str, str]:
    """Return the lines, and the columns too if it is one line: GitHub refuses columns for several lines."""
    span = each.span
    if span is None:
        return {"line": "1"}
    place = {"line": str(span.line), "endLine": str(span.end_line)}
    if span.line == span.end_line and span.end > span.start:
        place |= {"col": str(span.column), "endColumn": str(span.column + span.end - span.start - 1)}
    return place


def _message(each: LocatedFinding) -> str:
    finding = each.finding
    lines = [wording.sentence(finding.message)]
    lines += [f"Also: {each.further_places}."] if each.further_lines else []
    lines += [f"Who waits: {finding.waits}."] if wording.blocked(finding) else []
    lines += [f"What now: {finding.what_now}"] if finding.what_now else []
    lines += [f"More: sqlmigrate explain {finding.rule.name}"]
    lines += [f"To allow it, {each.exception_place}: {each.exception}"] if each.exception else []
    return "\n".join(lines)


def _data(text: str) -> str:
    """Escape the message, which follows the second `::`."""
    text = printable(text.replace("\r\n", "\n").replace("\r", "\n"))
    return text.replace("%", "%25").replace("\n", "%0A")


def _property(text: str) -> str:
    """Escape the value of a property, in which `:` and `,` have a meaning too."""
    return _data(text).replace(":", "%3A").replace(",", "%2C")
