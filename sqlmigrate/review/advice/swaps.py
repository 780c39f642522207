"""What a file puts in the place of something old, and must therefore do in one transaction.

The running application sees what is committed: between two files it would find no table of the name, or a table
without its rows.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from sqlmigrate.catalog.objects import TABLES, Change, Object
from sqlmigrate.identifiers import displayed, last_part, parent
from sqlmigrate.review.findings.subject import MeasuredStatement
from sqlmigrate.review.measure.facts import StatementFacts

from .case import Case

# A statement that begins so may write rows.
_WRITES = ("INSERT", "UPDATE", "DELETE", "MERGE", "WITH", "COPY", "CALL", "DO", "SELECT", "TRUNCATE")


@dataclass(frozen=True)
class Swap:
    """A table or column that has the name of an old one after the file.

    Attributes:
        name: the name, as messages show it; of a column with its table
        is_column: whether it is a column
        numbers: the statements that belong together: those that change the names, and those that write the new one
    """

    name: str
    is_column: bool
    numbers: tuple[int, ...]

    def sentences(self) -> Iterator[str]:
        """Return why the statements stay in one file, and what holds the locks for an instant only."""
        things, without = ("column", "its values") if self.is_column else ("table", "its rows")
        own = last_part(self.name)
        made = "add the new column" if self.is_column else "create the new table"
        table = parent(self.name) if self.is_column else self.name
        yield (
            f"keep in one file what puts another {things} in the place of {self.name}, and what fills it: "
            f"between two files the running application would see a {things} without {without}"
        )
        yield (
            f"for a short lock, {made} under another name ({own}_new), keep it up to date with a trigger on {table}, "
            "fill it in a file of its own, and change both names in a short last file"
        )


def swaps(case: Case) -> Iterator[Swap]:
    """Return what the file puts in the place of old tables and columns, as far as it takes several statements."""
    for each in case.subject.successors:
        pairs = [(each.before, each.after)] if each.is_other else list(each.columns)
        for old, new in pairs:
            if old.kind not in (*TABLES, "column") or new.kind not in (*TABLES, "column"):
                continue
            numbers = {*_naming(case, old), *_naming(case, new), *_writing(case, new)}
            if len(numbers) > 1:
                yield Swap(displayed(old.name), old.kind == "column", tuple(sorted(numbers)))


def _naming(case: Case, thing: Object) -> Iterator[int]:
    """Return the statements that create, drop, rename or move an object."""
    for change in case.subject.trip.changes:
        is_named = change.change in ("new", "gone", "renamed", "moved")
        if is_named and thing.identity in (each.identity for each in (change.before, change.after) if each):
            yield from _numbers(case, change)


def _numbers(case: Case, change: Change) -> Iterator[int]:
    number = case.number_of(change)
    if number:
        yield number


def _writing(case: Case, thing: Object) -> Iterator[int]:
    """Return the statements that may write rows of a table, or values of a column."""
    for number, statement in enumerate(case.subject.up.statements, 1):
        measured = MeasuredStatement(statement, StatementFacts(number))
        is_named = measured.names_whole(thing.name) if thing.kind == "column" else measured.names(thing.name)
        if is_named and statement.kind.verb.startswith(_WRITES):
            yield number


def order_matters(case: Case, number: int, others: Sequence[int]) -> bool:
    """Return whether a statement names a table that one of the others names: it must stay behind them."""
    own = _tables(case, number)
    return any(own & _tables(case, each) for each in others)


def _tables(case: Case, number: int) -> set[str]:
    """Return the tables that a statement names or touches, without their schemas."""
    facts = next((each for each in case.subject.trip.up.statements if each.number == number), StatementFacts(number))
    measured = MeasuredStatement(case.subject.up.statements[number - 1], facts)
    known = {*case.before.tables, *case.after.tables, *_created(case)}
    named = {last_part(name).lower() for name in known if measured.names(name)}
    relations = (touch.relation for touch in facts.touches)
    return named | {last_part(each.table or each.name).lower() for each in relations}


def _created(case: Case) -> set[str]:
    """Return the tables that a statement creates or renames; a later one may drop them."""
    changes = (change for each in case.subject.trip.up.statements for change in each.changes)
    things = (thing for change in changes for thing in (change.before, change.after) if thing)
    return {each.name for each in things if each.kind in TABLES}
