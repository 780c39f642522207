"""A rule: a name, why, what instead; and what it found.

The name reads after the word allow: ``-- sqlmigrate: allow drop-column (nobody reads it since 2024)``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from sqlmigrate.source import Span

Severity = Literal["danger", "warning", "note"]
SEVERITIES: tuple[Severity, ...] = ("danger", "warning", "note")


@dataclass(frozen=True)
class Instead:
    """What to write instead, as SQL with one comment line for each file it takes; from server `version` on (12, 18)."""

    sql: str
    version: int = 0


@dataclass(frozen=True)
class Rule:
    """One rule of the review.

    `title` is what goes wrong in a few words, `why` the sentences behind it, `instead` the ways out, for older servers
    first, `facts` the rows of measured behaviour it rests on, `page` the page of PostgreSQL's documentation.
    `can_be_allowed` is false where no reason makes it right: a statement that fails.
    """

    name: str
    severity: Severity
    title: str
    why: str
    instead: tuple[Instead, ...] = ()
    facts: tuple[str, ...] = ()
    page: str = ""
    can_be_allowed: bool = True

    def way_out(self, version: int) -> str:
        """Give what to write instead on a server of major `version`; empty where there is no general way."""
        ways = [way.sql for way in self.instead if way.version <= version]
        return ways[-1] if ways else ""


@dataclass(frozen=True)
class Finding:
    """What a rule found: at a place, what happens there in a sentence, how bad it is here.

    `waits` says who waits and how long, `relation` names the table it is about, `seconds` estimates the time of the
    work under the lock where sizes are known. `allowed` holds the reason, where the file says that it is meant.
    """

    rule: Rule
    severity: Severity
    message: str
    span: Span | None = None
    path: str = ""
    waits: str = ""
    relation: str = ""
    seconds: float | None = None
    allowed: str | None = None
    what_now: str = ""


def worst(findings: Sequence[Finding]) -> Severity | None:
    """Give the gravest severity of findings that nobody has allowed."""
    found = {finding.severity for finding in findings if finding.allowed is None}
    return next((each for each in SEVERITIES if each in found), None)
