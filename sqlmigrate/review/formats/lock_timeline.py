"""The locks of a file over time: a row for each relation, a column for each statement.

Relations with the same locks and the same work share a row, as partitions do. A lock that lasts is one bar.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
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

    @property
    def is_only_held(self) -> bool:
        """Whether the statement does nothing to the relation but keep an earlier lock."""
        return self.held and not self.work


@dataclass(frozen=True)
class Row:
    """The relations that have the same cells.

    Attributes:
        relations: the relations
        cells: one a statement; None where they are not locked
    """

    relations: tuple[Relation, ...]
    cells: tuple[Cell | None, ...]

    def bars(self) -> Iterator[tuple[Cell | None, int]]:
        """Return each cell with the number of columns that it covers: a lock that is only held lengthens its bar."""
        bar, width = self.cells[0], 1
        for cell in self.cells[1:]:
            if (cell is None and bar is None) or (cell and bar and cell.is_only_held and bar.mode == cell.mode):
                width += 1
                continue
            yield bar, width
            bar, width = cell, 1
        yield bar, width


@dataclass(frozen=True)
class Timeline:
    """The table to draw.

    Attributes:
        statements: the columns
        rows: the rows, the strongest locks first
        left_out: how many statements are not shown
    """

    statements: tuple[StatementFacts, ...]
    rows: tuple[Row, ...]
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
    alike: dict[tuple[Cell | None, ...], list[Relation]] = {}
    for oid, relation in relations.items():
        alike.setdefault(tuple(columns[index].get(oid) for index in shown), []).append(relation)
    rows = [Row(tuple(sorted(some, key=_order)), cells) for cells, some in alike.items() if any(cells)]
    rows.sort(key=lambda row: (-max(rank(cell.mode) for cell in row.cells if cell), _order(row.relations[0])))
    return Timeline(tuple(done.statements[index] for index in shown), tuple(rows), len(done.statements) - len(shown))


def _order(relation: Relation) -> tuple[bool, str]:
    return relation.kind == "index", relation.name


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
