"""What a rule looks at: one migration's trip, with the sizes of production; and how it says what it found."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

from sqlmigrate.catalog.objects import Change, Identity
from sqlmigrate.files.migration import Migration
from sqlmigrate.identifiers import last_part
from sqlmigrate.parsing.script import Script
from sqlmigrate.parsing.statement import Statement
from sqlmigrate.review.measure.facts import FileRun, RelationEffect, RoundTrip, StatementFacts
from sqlmigrate.review.measure.lock_modes import blocks
from sqlmigrate.review.results import Size
from sqlmigrate.review.rules.all_rules import RULES
from sqlmigrate.review.rules.rule import Finding, Severity
from sqlmigrate.source import Span

from .estimates import RATES, SHORT_SECONDS, UNNOTICED_SECONDS, data_size, duration

_WORD = re.compile(r"[\w$]+")


@dataclass(frozen=True)
class MeasuredStatement:
    """One statement of a pass with what was measured of it."""

    statement: Statement
    facts: StatementFacts

    @cached_property
    def text(self) -> str:
        """The text in upper case, one blank between its words, comments left as they are."""
        return " ".join(self.statement.text.upper().split())

    @cached_property
    def names(self) -> frozenset[str]:
        """Every word of the text, in lower case: what it names."""
        return frozenset(word.lower() for word in _WORD.findall(self.statement.text))

    def says(self, *texts: str) -> bool:
        """Tell whether one of the texts, in upper case, stands in the statement."""
        return any(text in self.text for text in texts)

    def says_name(self, name: str) -> bool:
        """Tell whether the statement names an object, by the last part of its name."""
        words = _WORD.findall(last_part(name).lower())
        return all(word in self.names for word in words)


@dataclass(frozen=True)
class Subject:
    """One migration under review. `version` is the server's, as 180004."""

    migration: Migration
    up: Script
    trip: RoundTrip
    sizes: Mapping[str, Size]
    version: int

    @cached_property
    def doings(self) -> tuple[MeasuredStatement, ...]:
        """The statements of the up file that were executed, with what was measured of each."""
        return doings(self.trip.up)

    def changes(self, kind: str, *changes: str) -> Iterator[Change]:
        """Give what happened to the objects of a kind."""
        return (each for each in self.trip.changes if each.kind == kind and each.change in changes)

    def is_old(self, table: int) -> bool:
        """Tell whether a table, by its OID, was there before the first of the new migrations."""
        base = self.trip.base
        return base is None or Identity("pg_class", table, 0) in base.identities

    def statement_naming(self, *names: str) -> Span:
        """Give the place of the last statement that names all of these; of the file's first where none does."""
        statements = self.up.statements
        found = [
            each
            for each in statements
            if all(MeasuredStatement(each, StatementFacts(0)).says_name(name) for name in names)
        ]
        found = found or [*statements][:1]
        return found[-1].source.span(found[-1].start) if found else self.up.source.span(0, 0)

    def size(self, touch: RelationEffect) -> Size | None:
        """Give the size of a relation in production, where it is known; of an index its table's."""
        name = touch.relation.table or touch.relation.name
        return self.sizes.get(name) or self.sizes.get(f"public.{name}")

    def estimate(self, work: RelationEffect) -> float | None:
        """Estimate how long the work takes in production, in seconds; None where no size is known."""
        size = self.size(work)
        if size is None:
            return None
        kind = "rewritten" if work.rewritten else "built" if work.built else "written" if work.written else "scanned"
        return size.size / RATES[kind]

    def waiting(self, touch: RelationEffect, work: RelationEffect | None = None) -> str:
        """Say who waits for a lock, and how long where that can be estimated."""
        who = blocks(touch.mode)
        seconds = self.estimate(work) if work else None
        if seconds is None or who == "nobody" or work is None:
            return who
        size = self.size(work)
        return f"{who}, for {duration(seconds)} at {data_size(size.size if size else 0)} (estimate)"

    def found(
        self,
        rule: str,
        span: Span,
        message: str,
        touch: RelationEffect | None = None,
        work: RelationEffect | None = None,
    ) -> Finding:
        """Make a finding; where work of a known size is done under a lock, its severity is that of the time."""
        record = RULES[rule]
        seconds = self.estimate(work) if touch and work else None
        return Finding(
            record,
            graded(record.severity, seconds),
            message,
            span,
            span.source.path,
            self.waiting(touch, work) if touch else "",
            touch.relation.name if touch else "",
            seconds,
        )


def doings(done: FileRun) -> tuple[MeasuredStatement, ...]:
    """Pair the statements of a pass with what was measured of them."""
    return tuple(MeasuredStatement(done.script.statements[facts.number - 1], facts) for facts in done.statements)


def graded(severity: Severity, seconds: float | None) -> Severity:
    """Give the severity of work that takes so long: nobody notices a fifth of a second."""
    if seconds is None:
        return severity
    if seconds < UNNOTICED_SECONDS:
        return "note"
    return "warning" if seconds < SHORT_SECONDS and severity == "danger" else severity
