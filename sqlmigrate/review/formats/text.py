"""A review as a screen: the facts of each file, then its findings with place and advice, and the verdict last."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator

from sqlmigrate.output import excerpt
from sqlmigrate.output.excerpt import Line, printable
from sqlmigrate.review.results import Review, Reviewed
from sqlmigrate.review.rules.rule import INSTEAD, Severity
from sqlmigrate.spelling import plural

from . import located, wording
from .located import LocatedFinding
from .waiting import waits_words

_WIDTH = 100
_STYLES: dict[Severity | None, str] = {"danger": "red", "warning": "yellow", "note": "cyan", None: "green"}
_INDENT = "   "
_WIDEST_LABEL = 40
_NAME = 8  # width of the column with `lock`, `waits`, `down`
_BLOCK = "     "  # indents what is to be pasted


def draw(review: Review) -> str:
    """Return the screen without colour, for a file or a pipe."""
    return "".join(printable("".join(text for _, text in line)).rstrip() + "\n" for line in lines(review, None))


def lines(review: Review, width: int | None) -> list[Line]:
    """Return the lines of the screen, with their styles.

    Lines are at most `width` cells wide, except those that are to be pasted. Without a width nothing is cut.
    """
    drawn = list(_lines(review, width or _WIDTH, is_cut=width is not None))
    # one empty line, not two
    return [line for index, line in enumerate(drawn) if line or index == 0 or drawn[index - 1]]


def _lines(review: Review, width: int, *, is_cut: bool) -> Iterator[Line]:
    findings = located.found(review)
    yield [("bold", plural(len(review.migrations), "new migration")), ("", f" · base {review.basis.base}")]
    yield []
    shown: dict[str, str] = {}
    for each in located.of(None, findings):
        yield from _finding(each, width, shown)
    column = max((len(each.migration.label) for each in review.migrations), default=0)
    for reviewed in review.migrations:
        own = located.of(reviewed, findings)
        if wording.severity(reviewed):
            yield from [[], *_facts(reviewed, width)]
        else:
            yield from _safe(reviewed, min(column, _WIDEST_LABEL), width if is_cut else 0)
        for each in own:
            yield from _finding(each, width, shown)
    yield []
    for sentence in wording.basis(review):
        yield from _wrapped("dim", sentence, width)
    severity, said = wording.verdict(review)
    yield [(_STYLES[severity], wording.MARKS[severity]), ("bold", f" {said}")]


def _safe(reviewed: Reviewed, column: int, width: int) -> Iterator[Line]:
    """Return the one line of a file without findings: as many of its facts as fit, and the first one always.

    A label that leaves no room for that has a line of its own.
    """
    facts = ["read, not executed"]
    if reviewed.trip:
        waits = waits_words(reviewed)
        facts = [_waiting(waits), wording.down_clause(reviewed)]
        if waits == "no one":
            facts.append(wording.strongest_words(reviewed))
    head = f" {reviewed.migration.label:<{column}}   "
    if width and len(head) + 2 + len(facts[0]) > width:
        yield [(_STYLES[None], wording.MARKS[None]), ("", head.rstrip()[: width - 2])]
        yield [("", _INDENT + facts[0])]
        return
    room = max(width - len(head) - 2, _NAME)
    while width and len(facts) > 1 and len(" · ".join(facts)) > room:
        facts.pop()
    said = " · ".join(facts)
    if width and len(said) > room:
        said = said[: room - 1].rstrip() + "…"
    yield [(_STYLES[None], wording.MARKS[None]), ("", head + said)]


def _waiting(who: str) -> str:
    return {"no one": "no one waits", "writers": "writers wait", "everyone": "everyone waits"}.get(who, who)


def _facts(reviewed: Reviewed, width: int) -> Iterator[Line]:
    severity = wording.severity(reviewed)
    yield [(_STYLES[severity], wording.MARKS[severity]), ("bold", f" {reviewed.migration.label}")]
    facts = {"lock": wording.strongest_words, "waits": waits_words, "down": wording.down_words}
    for name, said in facts.items():
        for index, line in enumerate(_fold(said(reviewed), width - len(_INDENT) - _NAME)):
            yield _field("" if index else name, line)


def _field(name: str, value: str, style: str = "") -> Line:
    return [("bold", f"{_INDENT}{name:<{_NAME}}"), (style, value)]


def _finding(each: LocatedFinding, width: int, shown: dict[str, str]) -> Iterator[Line]:
    finding = each.finding
    if finding.allowed is not None:
        yield from _small("allowed", f"{finding.rule.name}: {finding.allowed} ({_at(each)})", width)
        return
    if each.severity == "note":
        yield from _small("note", f"{finding.rule.name}: {finding.message} ({_at(each)})", width)
        return
    yield []
    style = _STYLES[each.severity]
    head, *rest = _fold(f"{each.severity} {finding.rule.name}: {finding.message}", width)
    kind = f"{each.severity} {finding.rule.name}"
    yield [(f"bold {style}", head[: len(kind)]), ("bold", head[len(kind) :])]
    yield from ([("bold", line)] for line in rest)
    if each.span:
        yield from excerpt.draw(each.span, width)
        if each.further_lines:
            yield [("dim", f"{_INDENT}and {each.further_places}")]
    else:
        yield [("dim", "  ──▶ "), ("bold", each.path)]
    yield from _ways(each, width, shown)
    yield []


def _small(name: str, said: str, width: int) -> Iterator[Line]:
    for index, line in enumerate(_fold(said, width - len(_INDENT) - _NAME)):
        yield [("dim", f"{_INDENT}{'' if index else name:<{_NAME}}{line}")]


def _at(each: LocatedFinding) -> str:
    return ", ".join([f"{each.path}:{each.line}", *filter(None, [each.further_places])]) if each.span else each.path


def _ways(each: LocatedFinding, width: int, shown: dict[str, str]) -> Iterator[Line]:
    """Return what helps with a finding: who waits, what to do now, what to write instead, and how to allow it."""
    finding = each.finding
    if wording.blocked(finding) and not (each.reviewed and wording.who_waits(each.reviewed) == finding.waits):
        yield _field("waits", finding.waits)
    if finding.what_now:
        advice, *commands = finding.what_now.splitlines()
        yield _heading("what now")
        yield from ([("", f"{_BLOCK}{line}")] for line in _fold(advice, width - len(_BLOCK)))
        yield from ([("cyan", f"{_BLOCK}{line}")] for line in commands)
    instead, earlier = located.advice(each, shown)
    if earlier:
        yield [("bold", f"{_INDENT}{INSTEAD}:"), ("", f" as above, for {earlier}")]
    if instead:
        yield _heading(INSTEAD)
        for line in instead.strip("\n").splitlines():
            yield [(_style(line), f"{_BLOCK}{line}")]
    explain = f"sqlmigrate explain {finding.rule.name}"
    if explain not in shown:  # once a rule
        shown[explain] = each.path
        yield [("bold", f"{_INDENT}more:"), ("", f" {explain}")]
    if each.exception:
        yield _heading(f"to allow it, {each.exception_place}")
        yield [("cyan", f"{_BLOCK}{each.exception}")]


def _style(line: str) -> str:
    if located.names_file(line):
        return "bold"
    return "dim" if line.lstrip().startswith("--") else "cyan"


def _heading(said: str) -> Line:
    return [("bold", f"{_INDENT}{said}:")]


def _fold(text: str, width: int) -> list[str]:
    return textwrap.wrap(printable(text), max(width, 20), break_long_words=False, break_on_hyphens=False) or [""]


def _wrapped(style: str, text: str, width: int) -> Iterator[Line]:
    for line in _fold(text, width):
        yield [(style, line)]
