"""Findings as every format needs them: with their place, the statement there, and a fingerprint.

A fingerprint stays the same when lines move. It is made from the rule, the file and the words of the statement, and
from a count if two of them would be equal.
"""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from sqlmigrate.files.migration import normalized
from sqlmigrate.parsing.statement import Statement
from sqlmigrate.review.results import Review, Reviewed
from sqlmigrate.review.rules.rule import SEVERITIES, Finding, Severity
from sqlmigrate.source import Span
from sqlmigrate.spelling import some

_MOST_LINES = 6  # named in one sentence


@dataclass(frozen=True)
class LocatedFinding:
    """A finding and where it is.

    Attributes:
        finding: what was found
        reviewed: the migration it belongs to; None if it belongs to the folder
        path: the file
        span: the place in the file; None for the whole file
        statement: the statement at that place
        fingerprint: what stays the same from one review to the next
        root_path: the file, as a path from the root of the repository
        url: where the site that runs the review shows the place; empty if that is not known
    """

    finding: Finding
    reviewed: Reviewed | None
    path: str
    span: Span | None
    statement: Statement | None
    fingerprint: str = ""
    root_path: str = ""
    url: str = ""

    @property
    def severity(self) -> Severity:
        """How bad the finding is for this migration, which may differ from the rule's own severity."""
        return self.finding.severity

    @property
    def line(self) -> int:
        """The line to point at, from 1; the first line for the whole file."""
        return self.span.line if self.span else 1

    @property
    def place(self) -> str:
        """The place in words: ``sql/006_total.up.sql, line 4``; a merged finding has several lines."""
        return self._place_in(self.path)

    @property
    def root_place(self) -> str:
        """The place in words, with the path from the root of the repository."""
        return self._place_in(self.root_path)

    def _place_in(self, path: str) -> str:
        return f"{path}, {_lines([self.span.line, *self.further_lines])}" if self.span else path

    @property
    def further_lines(self) -> list[int]:
        """The lines of the further places of a merged finding, each once."""
        lines = dict.fromkeys(span.line for span in self.finding.places if span.end)
        return [line for line in lines if self.span is None or line != self.span.line]

    @property
    def further_places(self) -> str:
        """The further places in words: ``lines 7, 12``; empty if there are none."""
        return _lines(self.further_lines)

    @property
    def sql(self) -> str:
        """What to show of the file: the statement, or else the text of the place."""
        if self.statement:
            return self.statement.text
        return self.span.text if self.span else ""

    @property
    def exception(self) -> str:
        """The directive that allows the finding; empty if it cannot be allowed."""
        if self.finding.span is None or not self.finding.rule.can_be_allowed:
            return ""
        return f"-- sqlmigrate: allow {self.finding.rule.name} (why)"

    @property
    def exception_place(self) -> str:
        """Where that directive belongs."""
        if self.statement is None:
            return "at the head of the file"
        return "above each statement, or at the head of the file" if self.further_lines else "above the statement"


def _lines(lines: Sequence[int]) -> str:
    if not lines:
        return ""
    return f"{'line' if len(lines) == 1 else 'lines'} {some([*map(str, lines)], _MOST_LINES)}"


def found(review: Review) -> tuple[LocatedFinding, ...]:
    """Return all findings of a review in the order of the files, with the allowed ones."""
    made = [_found(review, None, finding) for finding in review.findings]
    for reviewed in review.migrations:
        made += [_found(review, reviewed, finding) for finding in reviewed.findings]
    return tuple(_with_fingerprints(made))


_FILE_LINE = re.compile(r"-- (?:delete |in )?\w+\.(?:up|down)\.sql(?:, .*)?")


def names_file(line: str) -> bool:
    """Return whether a line of an advice says into which file the next ones belong."""
    return _FILE_LINE.fullmatch(line) is not None


def advice(each: LocatedFinding, shown: dict[str, str]) -> tuple[str, str]:
    """Return what to write instead, or the place where `shown` has it: a report shows the same text once.

    Args:
        each: The finding.
        shown: The places of the texts that were shown so far; this one is added.
    """
    instead = each.finding.instead
    if not instead or instead in shown:
        return "", shown.get(instead, "")
    shown[instead] = f"{each.path}:{each.line}" if each.span else each.path
    return instead, ""


def open_findings(review: Review) -> list[LocatedFinding]:
    """Return the findings that are not allowed, the gravest first."""
    return sorted((each for each in found(review) if each.finding.allowed is None), key=_gravity)


def allowed(review: Review) -> list[LocatedFinding]:
    """Return the findings that the files allow."""
    return [each for each in found(review) if each.finding.allowed is not None]


def of(reviewed: Reviewed | None, findings: Sequence[LocatedFinding]) -> list[LocatedFinding]:
    """Return those of the findings that belong to a migration, or to the folder if it is None."""
    return [each for each in findings if each.reviewed is reviewed]


def _gravity(each: LocatedFinding) -> int:
    return SEVERITIES.index(each.severity)


def _found(review: Review, reviewed: Reviewed | None, finding: Finding) -> LocatedFinding:
    span = finding.span
    path = span.source.path if span else finding.path
    if span and not span.end:
        span = None  # the head of a file stands for the whole file
    if not path:
        path = reviewed.migration.up.path if reviewed else review.directory
    path = path.removeprefix("./")
    checkout, lines = review.checkout, (span.line, span.end_line) if span else (0, 0)
    root_path, url = checkout.from_root(path), checkout.url(path, *lines)
    return LocatedFinding(finding, reviewed, path, span, _statement(reviewed, span), "", root_path, url)


def _statement(reviewed: Reviewed | None, span: Span | None) -> Statement | None:
    if reviewed is None or span is None:
        return None
    scripts = [script for script in (reviewed.up, reviewed.down) if script and script.source.path == span.source.path]
    statements = [statement for script in scripts for statement in script.statements]
    return next((each for each in statements if each.start <= span.start <= each.end), None)


def _with_fingerprints(findings: Sequence[LocatedFinding]) -> Iterator[LocatedFinding]:
    seen: Counter[str] = Counter()
    for each in findings:
        words = " ".join(normalized(each.sql or each.finding.message).split())
        name = f"{each.finding.rule.name}\n{each.path}\n{each.finding.relation}\n{words}"
        seen[name] += 1
        made = hashlib.sha256(f"{name}\n{seen[name]}".encode()).hexdigest()[:40]
        yield replace(each, fingerprint=made)
