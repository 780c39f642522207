"""A rule of the review, and what it found.

A name of a rule reads well after the word allow: ``-- sqlmigrate: allow drop-column (unused since 2024)``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from sqlmigrate.source import Span

Severity = Literal["danger", "warning", "note"]
SEVERITIES: tuple[Severity, ...] = ("danger", "warning", "note")
INSTEAD = "what to write instead"
DOCUMENTATION = "https://github.com/sqlmigrate-pg/sqlmigrate/blob/main/docs/rules"
EXAMPLE_HEADING = "example of what to write instead"  # its tables are not those of the user


@dataclass(frozen=True)
class Example:
    """SQL that shows what to write instead, about example tables.

    Attributes:
        sql: the statements, with a comment line at the head of each file they belong to
        version: the oldest major version of PostgreSQL that understands them; 0 for every version
    """

    sql: str
    version: int = 0


@dataclass(frozen=True)
class Rule:
    """One rule of the review.

    Attributes:
        name: what users write after `allow`; it never changes
        severity: how bad a finding of it usually is
        title: what happens, in a few words
        why: what PostgreSQL does, what follows from it, and how to avoid it
        examples: what to write instead, for the oldest server first
        page: the page of PostgreSQL's documentation that the rule comes from
        can_be_allowed: False if no reason makes it right, as for a statement that fails
    """

    name: str
    severity: Severity
    title: str
    why: str
    examples: tuple[Example, ...] = ()
    page: str = ""
    can_be_allowed: bool = True

    @property
    def documentation(self) -> str:
        """The address of its page in our documentation."""
        return f"{DOCUMENTATION}/{self.name}.md"

    def example(self, version: int) -> str:
        """Return what to write instead on a server of major `version`; empty if the rule has no example for it."""
        known = [each.sql for each in self.examples if each.version <= version]
        return known[-1] if known else ""


@dataclass(frozen=True)
class Finding:
    """What a rule found in one migration.

    Attributes:
        rule: the rule
        severity: how bad it is here, which may differ from the rule's own severity
        message: what happens here, in one sentence
        span: the place in a file; None if there is none
        path: the file
        waits: who waits because of it, and for how long if sizes are known
        relation: the table it is about
        seconds: the estimated time of the work under the lock, if sizes are known
        allowed: the reason that the file gives for allowing it; None if it is not allowed
        what_now: advice for this case; lines after the first are commands to paste
        has_example: False if the example of the rule does not fit this case
        about: the object that the sentence is about, as messages show it; empty if it is about none
        objects: what the finding is about, if findings of one rule were merged: `about` of each of them
        places: the further places of a merged finding, in the order of the file
        instead: what to write instead in this migration: files to paste, each under a line with its name. It is for all
            findings of the rule in the migration; empty if it cannot be written
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
    has_example: bool = True
    about: str = ""
    objects: tuple[str, ...] = ()
    places: tuple[Span, ...] = ()
    instead: str = ""

    def example(self, version: int) -> str:
        """Return what to write instead on a server of major `version`; empty if no example fits this case."""
        return self.rule.example(version) if self.has_example else ""


def worst(findings: Sequence[Finding]) -> Severity | None:
    """Return the gravest severity of the findings that are not allowed; None if there is none."""
    found = {finding.severity for finding in findings if finding.allowed is None}
    return next((each for each in SEVERITIES if each in found), None)
