"""What the findings are made from: one migration with its round trip, and the sizes of production's tables."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

from sqlmigrate.catalog.objects import Change, Identity, Object
from sqlmigrate.files.migration import Migration
from sqlmigrate.identifiers import last_part, parts
from sqlmigrate.parsing.script import Script
from sqlmigrate.parsing.statement import Statement
from sqlmigrate.parsing.tokens import blanked
from sqlmigrate.review.measure.facts import FileRun, RelationEffect, RoundTrip, StatementFacts
from sqlmigrate.review.measure.lock_modes import blocks
from sqlmigrate.review.results import Size
from sqlmigrate.review.rules.rule import Finding, Rule, Severity
from sqlmigrate.source import Span

from .estimates import RATES, SHORT_SECONDS, UNNOTICED_SECONDS, data_size, duration
from .successors import Successor, successors

_WORD = re.compile(r"[\w$]+")
_DROPS_WITH_CASCADE = re.compile(r"\bDROP\b[^;]*(?<!DELETE)(?<!UPDATE) CASCADE\b")
_NAME = re.compile(r"`([^`]+)`")


@dataclass(frozen=True)
class MeasuredStatement:
    """One statement that was executed, with what was measured of it.

    Attributes:
        statement: the statement
        facts: what was measured of it
    """

    statement: Statement
    facts: StatementFacts

    @cached_property
    def text(self) -> str:
        """The text in upper case, with one blank between its words, comments included."""
        return " ".join(self.statement.text.upper().split())

    @cached_property
    def code(self) -> str:
        """The text as it is written, with blanks in the place of comments."""
        return blanked(self.statement.text, "comment").strip()

    @property
    def place(self) -> Span:
        """The place in the file."""
        return self.statement.source.span(self.statement.start)

    def says(self, *texts: str) -> bool:
        """Return whether the statement contains one of the texts, which are in upper case."""
        return any(text in self.text for text in texts)

    @cached_property
    def cascades(self) -> bool:
        """Whether it drops with CASCADE, which is not the action of a foreign key."""
        return _DROPS_WITH_CASCADE.search(" ".join(self.code.upper().split())) is not None

    def names(self, name: str) -> bool:
        """Return whether the statement names an object, by the last part of its name."""
        return _contains(self._words, name)

    def names_whole(self, name: str) -> bool:
        """Return whether the statement names an object together with the table or type that it is a part of."""
        return _contains_all(self._words, name)

    @cached_property
    def _words(self) -> frozenset[str]:
        return _words_of(self.statement.text)


def _words_of(text: str) -> frozenset[str]:
    return frozenset(word.lower() for word in _WORD.findall(text))


def _contains(words: frozenset[str], name: str) -> bool:
    """Return whether every word of the last part of a name is there."""
    return words.issuperset(_WORD.findall(last_part(name).lower()))


def _contains_all(words: frozenset[str], name: str) -> bool:
    """Return whether every word of a name is there, except those of its schema."""
    named = parts(name)
    return all(_contains(words, each) for each in named[1:] or named)


def _is_made_by(change: Change, made: Change, attribute: str) -> bool:
    """Return whether what one statement changed is a change that the whole file made."""
    if made.change != change.change or _identity(made) != _identity(change):
        return False
    if not attribute or made.before is None or made.after is None:
        return True
    return made.before.attributes.get(attribute) != made.after.attributes.get(attribute)


def _identity(change: Change) -> Identity:
    thing = change.before or change.after
    if thing is None:
        raise AssertionError("a change has an object before it or after it")
    return thing.identity


@dataclass(frozen=True)
class Subject:
    """One migration that is reviewed.

    Attributes:
        migration: the migration
        up: its up file
        trip: what was measured of it
        sizes: the sizes of production's tables, by name
        version: the version of the shadow server, as 180004
    """

    migration: Migration
    up: Script
    trip: RoundTrip
    sizes: Mapping[str, Size]
    version: int

    @property
    def major(self) -> int:
        """The major version of the shadow server."""
        return self.version // 10_000

    @cached_property
    def statements(self) -> tuple[MeasuredStatement, ...]:
        """The statements of the up file that were executed, with what was measured of each."""
        return measured_statements(self.trip.up)

    @cached_property
    def parents(self) -> Mapping[str, str]:
        """The partitioned table of each partition that a statement of the up file locked, by names as messages show."""
        relations = (touch.relation for each in self.statements for touch in each.facts.touches)
        return {relation.name: relation.parent for relation in relations if relation.parent}

    def changes(self, kind: str, *changes: str) -> Iterator[Change]:
        """Return what happened to the objects of a kind."""
        return (each for each in self.trip.changes if each.kind == kind and each.change in changes)

    def is_old(self, table: int) -> bool:
        """Return whether a table, by its OID, existed before the first of the new migrations."""
        return self.trip.is_old(table)

    def is_known(self, thing: Object) -> bool:
        """Return whether an object existed before the first of the new migrations: the application may use it."""
        return self.trip.base is None or thing.identity in self.trip.base.identities

    def is_set_by_trigger(self, column: Object) -> bool:
        """Return whether a BEFORE INSERT trigger of its table calls a function whose text names a column."""
        objects = self.trip.after.objects if self.trip.after else {}
        bodies = {
            name.partition("(")[0]: each.definition for (kind, name), each in objects.items() if kind == "function"
        }
        for each in objects.values():
            if each.kind == "trigger" and each.table == column.table:
                fires, _, called = each.definition.partition(" EXECUTE FUNCTION ")
                body = bodies.get(called.partition("(")[0], "")
                if " BEFORE INSERT " in fires and _contains(_words_of(body), column.name):
                    return True
        return False

    @cached_property
    def successors(self) -> tuple[Successor, ...]:
        """The old relations that the file changed or replaced, each with the one that has its name now."""
        return tuple(successors(self.trip))

    def place_of(self, change: Change, attribute: str = "") -> Span:
        """Return the place of the statement that made a change of the file, or else of the last that names its object.

        Args:
            change: What the file changed.
            attribute: The attribute of an altered object that matters; empty for any.
        """
        if maker := self.maker_of(change, attribute):
            return maker.place
        thing = change.before or change.after
        return self.statement_naming(thing.name) if thing else self.up.source.span(0, 0)

    def place_of_first(self, *things: Object) -> Span:
        """Return the place of the statement that changed the first of these objects which the file changed.

        If it changed none of them, that of the last statement which names the last one.
        """
        found = next((self._changed[each.identity] for each in things if each.identity in self._changed), None)
        return self.place_of(found) if found else self.statement_naming(things[-1].name)

    @cached_property
    def _changed(self) -> Mapping[Identity, Change]:
        """The first change of each object that the file changed."""
        return {_identity(each): each for each in reversed(self.trip.changes)}

    def place_of_name(self, thing: Object) -> Span:
        """Return the place of the statement that gave an object its name: created, renamed or moved it."""
        for each in reversed(self.statements):
            for made in each.facts.changes:
                old, new = made.before, made.after
                if new and new.identity == thing.identity and new.name == thing.name != (old.name if old else ""):
                    return each.place
        return self.place_of_first(thing)

    def maker_of(self, change: Change, attribute: str = "") -> MeasuredStatement | None:
        """Return the last statement that made a change of the file; None if it was not measured. Arguments as above."""
        makers = [
            each for each in self.statements if any(_is_made_by(change, made, attribute) for made in each.facts.changes)
        ]
        return makers[-1] if makers else None

    def place_of_last(self, thing: Object, *attributes: str) -> Span | None:
        """Return the place of the last statement that changed one of these attributes of an object; None for none."""
        for each in reversed(self.statements):
            for made in each.facts.changes:
                old, new = made.before, made.after
                if old is None or new is None or new.identity != thing.identity:
                    continue
                if any(old.attributes.get(name) != new.attributes.get(name) for name in attributes):
                    return each.place
        return None

    def place_of_lost_rows(self, table: str, oid: int) -> Span:
        """Return the place of the statement that deleted the most rows of a table, given by its name and its OID."""
        lost = {
            touch.deleted or int(touch.rewritten and each.says("TRUNCATE")): each
            for each in reversed(self.statements)
            for touch in each.facts.touches
            if touch.relation.oid == oid
        }
        if any(lost):
            return lost[max(lost)].place
        dropped = (
            each for each in self.trip.changes if each.change == "gone" and _identity(each) == ("pg_class", oid, 0)
        )
        return next(map(self.place_of, dropped), self.statement_naming(table))

    def statement_naming(self, *names: str) -> Span:
        """Return the place of the last statement that names all of these objects, or else that of the first.

        A name in a string or a comment counts only if no statement has it elsewhere.
        """
        statements = self.up.statements
        code, texts = self._words
        for words, is_named in ((code, _contains_all), (code, _contains), (texts, _contains)):
            naming = [number for number, each in enumerate(words) if all(is_named(each, name) for name in names)]
            if naming:
                return self._place(statements[naming[-1]])
        return self._place(statements[0]) if statements else self.up.source.span(0, 0)

    @cached_property
    def _words(self) -> tuple[list[frozenset[str]], list[frozenset[str]]]:
        """The words of each statement: without those in strings and comments, and all."""
        texts = [each.text for each in self.up.statements]
        return [_words_of(blanked(each, "comment", "string")) for each in texts], [_words_of(each) for each in texts]

    @staticmethod
    def _place(statement: Statement) -> Span:
        return statement.source.span(statement.start)

    def size(self, touch: RelationEffect) -> Size | None:
        """Return the size of a relation in production, of an index that of its table; None if it is not known."""
        name = touch.relation.table or touch.relation.name
        return self.sizes.get(name) or self.sizes.get(f"public.{name}")

    def estimate(self, work: RelationEffect) -> float | None:
        """Return how long the work may take in production, in seconds; None if no size is known."""
        size = self.size(work)
        if size is None:
            return None
        kind = "rewritten" if work.rewritten else "built" if work.built else "written" if work.written else "scanned"
        return size.size / RATES[kind]

    def waiting(self, touch: RelationEffect, work: RelationEffect | None = None) -> str:
        """Return who waits for a lock, and for how long if that can be estimated."""
        who = blocks(touch.mode)
        seconds = self.estimate(work) if work else None
        if seconds is None or who == "nobody" or work is None:
            return who
        size = self.size(work)
        return f"{who}, for {duration(seconds)} at {data_size(size.size if size else 0)} (estimate)"

    def finding(
        self,
        rule: Rule,
        span: Span,
        message: str,
        touch: RelationEffect | None = None,
        work: RelationEffect | None = None,
    ) -> Finding:
        """Make a finding of a rule.

        Args:
            rule: The rule.
            span: The place in a file.
            message: What happens there, in one sentence; it is about the first name between backticks.
            touch: The lock that others wait for, if there is one.
            work: The work that is done while it is held, if any; a known size of the table decides the severity.
        """
        seconds = self.estimate(work) if touch and work else None
        return Finding(
            rule,
            graded(rule.severity, seconds),
            message,
            span,
            span.source.path,
            self.waiting(touch, work) if touch else "",
            touch.relation.name if touch else "",
            seconds,
            about=first_name(message),
        )


def first_name(message: str) -> str:
    """Return the first name between backticks, which a sentence is about; empty if there is none."""
    found = _NAME.search(message)
    return found[1] if found else ""


def measured_statements(run: FileRun) -> tuple[MeasuredStatement, ...]:
    """Return the statements of a file that were executed, with what was measured of each."""
    return tuple(MeasuredStatement(run.script.statements[facts.number - 1], facts) for facts in run.statements)


def graded(severity: Severity, seconds: float | None) -> Severity:
    """Return the severity of work that takes so long; a fraction of a second is a note."""
    if seconds is None:
        return severity
    if seconds < UNNOTICED_SECONDS:
        return "note"
    return "warning" if seconds < SHORT_SECONDS and severity == "danger" else severity
