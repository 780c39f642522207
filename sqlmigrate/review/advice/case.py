"""What an advice is written for: the findings of one rule in one migration, with what the catalog knows."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from functools import cached_property

from sqlmigrate.catalog.objects import WITH_COLUMNS, Catalog, Change, Object
from sqlmigrate.files.migration import normalized
from sqlmigrate.identifiers import displayed, last_part
from sqlmigrate.parsing.script import Script
from sqlmigrate.parsing.splitter import split
from sqlmigrate.parsing.statement import Statement
from sqlmigrate.review.findings.schema_changes import Column, SchemaChanges
from sqlmigrate.review.findings.subject import MeasuredStatement, Subject
from sqlmigrate.review.measure.facts import StatementFacts
from sqlmigrate.review.rules.rule import Finding
from sqlmigrate.source import Source

from . import alter_table
from .alter_table import AlterTable
from .draft import NOTHING_TO_UNDO, Draft, Edit, Pair
from .edited import NO_TRANSACTION, edited


@dataclass(frozen=True)
class Case:
    """The findings of one rule in one migration.

    Attributes:
        subject: the migration, and what was measured of it
        down: its down file; None if there is none
        findings: the findings, in the order of the file
    """

    subject: Subject
    down: Script | None
    findings: tuple[Finding, ...]

    @property
    def version(self) -> int:
        """The major version of the server."""
        return self.subject.major

    @cached_property
    def changes(self) -> SchemaChanges:
        """What the up file changed."""
        return SchemaChanges(self.subject.trip.changes)

    @cached_property
    def statements(self) -> tuple[MeasuredStatement, ...]:
        """The statements of the up file that the findings are about, each once."""
        spans = [span for each in self.findings for span in (each.span, *each.places) if span]
        places = [span.start for span in spans if span.source.path == self.subject.up.source.path]
        facts = {each.number: each for each in self.subject.trip.up.statements}
        return tuple(
            MeasuredStatement(statement, facts.get(number, StatementFacts(number)))
            for number, statement in enumerate(self.subject.up.statements, 1)
            if any(statement.start <= place <= statement.end for place in places)
        )

    # the catalog

    @property
    def before(self) -> Catalog:
        """The catalog before the migration."""
        return self.subject.trip.before

    @property
    def after(self) -> Catalog:
        """The catalog after it, or before it if it failed."""
        return self.subject.trip.after or self.subject.trip.before

    def table(self, name: str) -> Object | None:
        """Return a table by its name as messages show it, after the migration or before it."""
        return _found(self.after, WITH_COLUMNS, name) or _found(self.before, WITH_COLUMNS, name)

    def full(self, name: str) -> str:
        """Return the name of a table as the catalog has it, with its schema."""
        found = self.table(name)
        return found.name if found else name

    def columns(self, table: str) -> list[Column]:
        """Return the columns of a table in their order, as they are after the migration."""
        columns = (each for (kind, _), each in self.after.objects.items() if kind == "column")
        found = [each for each in columns if displayed(each.table) == table]
        return [Column(each) for each in sorted(found, key=lambda each: each.identity.sub)]

    def constraint(self, table: str, name: str) -> Object | None:
        """Return a constraint of a table after the migration; `name` is as the catalog writes it."""
        return _found(self.after, ("constraint",), f"{table}.{name}")

    def index(self, name: str) -> Object | None:
        """Return an index by its name as messages show it, after the migration or before it."""
        return _found(self.after, ("index",), name) or _found(self.before, ("index",), name)

    def new_constraints(self, table: str, *starts: str) -> list[Object]:
        """Return the new constraints of a table whose definitions begin with one of these words."""
        return [
            each
            for each in self.changes.new_constraints()
            if displayed(each.table) == table and each.definition.startswith(starts)
        ]

    def constraints(self, table: str, *starts: str) -> list[Object]:
        """Return the constraints of a table after the migration whose definitions begin with one of these words."""
        return [
            each
            for (kind, _), each in self.after.objects.items()
            if kind == "constraint" and displayed(each.table) == table and each.definition.startswith(starts)
        ]

    def column(self, table: str, name: str) -> Column | None:
        """Return a column of a table; `name` is as the catalog writes it."""
        return next((each for each in self.columns(table) if each.object.path[-1] == name), None)

    @property
    def names(self) -> list[str]:
        """What the findings are about, as messages show it."""
        names = (name for each in self.findings for name in (each.objects or (each.about or each.relation,)) if name)
        return list(dict.fromkeys(names))

    def moved(self, *kinds: str) -> list[Change]:
        """Return the objects of these kinds that have another name or schema and that the findings are about."""
        changes = (each for each in self.subject.trip.changes if each.change in ("renamed", "moved"))
        found = [each for each in changes if each.kind in kinds and each.before]
        return [each for each in found if each.before and displayed(each.before.name) in self.names] or found

    def number_of(self, change: Change) -> int | None:
        """Return the number of the statement that made a change; None if it is not in the text of the file."""
        place = self.subject.place_of(change)
        numbered = enumerate(self.subject.up.statements, 1)
        return next((number for number, each in numbered if each.start <= place.start <= each.end), None)

    def number_of_new(self, thing: Object) -> int | None:
        """Return the number of the statement that created an object."""
        change = next((each for each in self.changes.all("new") if each.after is thing), None)
        return self.number_of(change) if change else None

    def primary_key(self, table: str) -> list[str]:
        """Return the columns of the primary key of a table."""
        for each in self.constraints(table, "PRIMARY KEY ("):
            return [column.strip() for column in each.definition[len("PRIMARY KEY (") :].partition(")")[0].split(",")]
        return []

    @property
    def has_one_statement(self) -> bool:
        """Whether the up file consists of one statement."""
        return len(self.subject.up.statements) == 1

    @property
    def up_text(self) -> str:
        """The up file as it is."""
        return normalized(self.subject.up.source.text)

    @property
    def down_text(self) -> str:
        """The down file as it is; empty if there is none."""
        return normalized(self.down.source.text) if self.down else ""

    def altered(self, measured: MeasuredStatement) -> tuple[AlterTable, Object] | None:
        """Return the ALTER TABLE that a statement is, with its table; None for others, or an unknown table."""
        alter = alter_table.read(measured.statement.text)
        table = self.table(alter.table) if alter else None
        return (alter, table) if alter and table else None

    # drafts

    def draft(self, edits: Collection[Edit], *before: str) -> Draft | None:
        """Return the reviewed files with the edits, and the files that follow; None without an edit."""
        if not edits:
            return None
        texts = {each.number: each.allow + ";\n".join([each.up, *each.after]) for each in edits if each.number}
        up = edited(self.subject.up, texts) if texts else self.up_text
        later = tuple(pair for each in edits for pair in each.later)
        if not up and not later:
            return None
        head = "".join(each.head for each in edits)
        own = Pair("", f"{head}{up}", self._down(edits)) if up else Pair("", "")
        return Draft(own, later, before, tuple(edits))

    def allowed(self, reason: str, *before: str) -> Draft | None:
        """Return the reviewed files with a directive that allows the findings, for a reason that is true then.

        Above the first statement of a file it allows the findings of the whole file.
        """
        allow = f"-- sqlmigrate: allow {self.findings[0].rule.name} ({reason})\n"
        numbers = [each.facts.number for each in self.statements]
        first = numbers[:1] if numbers[:1] == [1] else numbers
        texts = {number: self.subject.up.statements[number - 1].text for number in first}
        return self.draft([Edit(number, text, allow=allow) for number, text in texts.items()], *before)

    def _down(self, edits: Collection[Edit]) -> str:
        """Return the down file without what only later migrations create; empty if there is none."""
        ends = "".join(each.down_end for each in edits)
        script = _with_end(self.down, ends) if ends else self.down
        if script is None:
            return ""
        numbered = enumerate(script.statements, 1)
        changed = {number: text for number, each in numbered if (text := _undone(each, edits)) is not None}
        in_order = sorted(edits, key=lambda each: each.number != 0)  # what takes no lock goes first
        down = "".join(each.undo for each in in_order) + edited(script, changed)
        left = len(script.statements) - list(changed.values()).count("")
        if any(each.is_concurrent for each in edits) and left > 1 and script.mode == "transaction":
            down = f"{NO_TRANSACTION}{down}"
        return down or NOTHING_TO_UNDO


def _with_end(down: Script | None, ends: str) -> Script:
    """Return a down file with further statements; without a file, those alone."""
    text = (normalized(down.source.text) if down else "") + ends
    source = Source(down.source.path if down else "", text)
    return Script(source, tuple(split(source)), down.mode if down else "transaction")


def _found(catalog: Catalog, kinds: Collection[str], name: str) -> Object | None:
    keys = ((kind, full) for kind in kinds for full in (name, f"public.{name}"))
    return next((catalog.objects[key] for key in keys if key in catalog.objects), None)


def _undone(statement: Statement, edits: Collection[Edit]) -> str | None:
    """Return a statement of a down file as the edits of the up file need it; None if it stays as it is."""
    measured = MeasuredStatement(statement, StatementFacts(0))
    does = measured.says("DROP", "CREATE INDEX", "CREATE UNIQUE INDEX")
    named = [name for each in edits for name in each.moved if does and measured.names(name)]
    alter = alter_table.read(statement.text)
    swaps = [swap for each in edits for swap in each.swaps]
    if alter is None:
        return "" if named else next((new for old, new in swaps if _is_same(old, statement.text)), None)
    kept = [each for each in alter.actions if not any(last_part(name) in each for name in named)]
    made = [action for each in kept if (action := next((new for old, new in swaps if _is_same(old, each)), each))]
    return None if tuple(made) == alter.actions else alter.having(made)


def _is_same(action: str, other: str) -> bool:
    return _words(action) == _words(other)


def _words(action: str) -> list[str]:
    """Return the words of an action of ALTER TABLE, without the word COLUMN, which has no meaning."""
    return [word for word in action.lower().split() if word != "column"]
