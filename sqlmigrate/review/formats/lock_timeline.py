"""The locks of a file over time: a row for each relation, a column for each statement."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from sqlmigrate.review.measure.facts import FileRun, Relation, RelationEffect, StatementFacts
from sqlmigrate.review.measure.lock_modes import rank

_WIDEST = 60  # statements; of longer files only those that take a lock or do work are shown


@dataclass(frozen=True)
class Cell:
    """The lock on a relation while a statement runs.

    Attributes:
        mode: the lock mode
        held: whether an earlier statement took the lock
        work: what the statement did to the relation, in words
    """

    mode: str
    held: bool = False
    work: tuple[str, ...] = ()


@dataclass(frozen=True)
class Timeline:
    """The table to draw.

    Attributes:
        statements: the columns
        rows: each relation with its cells, one a statement; None where it is not locked
        left_out: how many statements are not shown
    """

    statements: tuple[StatementFacts, ...]
    rows: tuple[tuple[Relation, tuple[Cell | None, ...]], ...]
    left_out: int = 0


def timeline(done: FileRun) -> Timeline:
    """Return the time line of a file; a lock that is taken in a transaction is held until the end of it."""
    relations = {touch.relation.oid: touch.relation for facts in done.statements for touch in facts.touches}
    held: dict[int, str] = {}
    columns: list[dict[int, Cell]] = []
    for facts in done.statements:
        if facts.is_alone:
            held = {}
        columns.append(_column(facts, held))
        held = {} if facts.is_alone else {oid: cell.mode for oid, cell in columns[-1].items()}
    shown = _shown(done.statements)
    rows = [(relation, tuple(columns[index].get(oid) for index in shown)) for oid, relation in relations.items()]
    rows = [row for row in rows if any(row[1])]
    rows.sort(key=lambda row: (-max(rank(cell.mode) for cell in row[1] if cell), row[0].kind == "index", row[0].name))
    return Timeline(tuple(done.statements[index] for index in shown), tuple(rows), len(done.statements) - len(shown))


def _column(facts: StatementFacts, held: dict[int, str]) -> dict[int, Cell]:
    column = {oid: Cell(mode, held=True) for oid, mode in held.items()}
    for touch in facts.touches:
        mode = touch.mode or held.get(touch.relation.oid, "")
        if mode:
            column[touch.relation.oid] = Cell(mode, held=held.get(touch.relation.oid) == mode, work=work(touch))
    return column


def _shown(statements: Sequence[StatementFacts]) -> list[int]:
    if len(statements) <= _WIDEST:
        return list(range(len(statements)))
    telling = [
        index for index, facts in enumerate(statements) if any(each.is_taken or work(each) for each in facts.touches)
    ]
    return telling[:_WIDEST]


def work(touch: RelationEffect) -> tuple[str, ...]:
    """Describe what was done to a relation, a few words for each kind of work."""
    counts: tuple[tuple[int, Literal["inserted", "updated", "deleted"]], ...] = (
        (touch.inserted, "inserted"), (touch.updated, "updated"), (touch.deleted, "deleted"),
    )  # fmt: skip
    said = ["rewritten"] if touch.rewritten else []
    said += ["index built"] if touch.built else []
    said += ["scanned"] if touch.scanned and not touch.rewritten else []
    return (*said, *(f"{count:,} {how}" for count, how in counts if count))
