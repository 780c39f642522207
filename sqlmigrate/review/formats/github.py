"""A review as workflow commands of GitHub Actions: an annotation on the line of each finding.

https://docs.github.com/en/actions/reference/workflow-commands-for-github-actions
"""

from __future__ import annotations

from sqlmigrate.output.excerpt import printable
from sqlmigrate.review.results import Review

from . import located, wording
from .located import LocatedFinding

_COMMANDS = {"danger": "error", "warning": "warning", "note": "notice"}


def draw(review: Review) -> str:
    """Return one command for each finding, the gravest first, and the verdict last.

    The order matters: GitHub shows only the first ten of each kind.
    """
    lines = [_command(each) for each in located.open_findings(review)]
    severity, said = wording.verdict(review)
    return "\n".join([*lines, f"{wording.MARKS[severity]} {said}"]) + "\n"


def _command(each: LocatedFinding) -> str:
    properties = {"file": each.path.removeprefix("./"), **_place(each), "title": each.finding.rule.name}
    said = ",".join(f"{name}={_property(value)}" for name, value in properties.items())
    return f"::{_COMMANDS[each.severity]} {said}::{_data(_message(each))}"


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
    lines += [f"What to write instead: sqlmigrate explain {finding.rule.name}"] if finding.rule.examples else []
    lines += [f"To allow it, {each.exception_place}: {each.exception}"] if each.exception else []
    return "\n".join(lines)


def _data(text: str) -> str:
    """Escape the message, which follows the second `::`."""
    text = printable(text.replace("\r\n", "\n").replace("\r", "\n"))
    return text.replace("%", "%25").replace("\n", "%0A")


def _property(text: str) -> str:
    """Escape the value of a property, in which `:` and `,` have a meaning too."""
    return _data(text).replace(":", "%3A").replace(",", "%2C")
