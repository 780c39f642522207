"""What a rule advises: the reviewed files as they should be, and the files that follow."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

NOTHING_TO_UNDO = "select 1;\n"


@dataclass(frozen=True)
class Pair:
    """The two files of one migration.

    Attributes:
        name: the name that follows the version
        up: the text of the up file
        down: the text of the down file; empty for none
    """

    name: str
    up: str
    down: str = ""


@dataclass(frozen=True)
class Edit:
    """What to write in the place of one statement, or at an end of the reviewed files.

    Attributes:
        number: the statement of the up file, from 1; 0 for none
        up: the statements that take its place; empty to remove it
        later: the migrations that follow
        moved: the names of objects that only a later migration creates: the down file no longer drops them
        swaps: actions of ALTER TABLE in the down file, or whole statements, and what takes the place of each
        undo: the statements that the down file begins with
        allow: the directives above the statement
        head: the lines that the up file begins with
        down_end: the statements that the down file ends with
        is_concurrent: whether the down file cannot have a transaction if it has several statements
        after: the statements that follow it, if `up` is the statement itself
    """

    number: int
    up: str = ""
    later: tuple[Pair, ...] = ()
    moved: tuple[str, ...] = ()
    swaps: tuple[tuple[str, str], ...] = ()
    undo: str = ""
    allow: str = ""
    head: str = ""
    down_end: str = ""
    is_concurrent: bool = False
    after: tuple[str, ...] = ()


@dataclass(frozen=True)
class Draft:
    """The files that a rule advises.

    Attributes:
        own: the files of the reviewed migration. Without a file, the first of the later ones takes its place; without
            an up file, only the down file changes
        later: the migrations that follow it
        before: what has to be done before, one sentence a line
        edits: the edits that made it; empty if it cannot be combined with the advice of another rule
    """

    own: Pair
    later: tuple[Pair, ...] = ()
    before: tuple[str, ...] = ()
    edits: tuple[Edit, ...] = ()

    @property
    def has_own(self) -> bool:
        """Whether the reviewed migration keeps a file, and does not become the first of the later ones."""
        return bool(self.own.up or self.own.down)


def sql_of(statements: Iterable[str]) -> str:
    """Return statements as the text of a file."""
    return "".join(f"{each};\n" for each in statements)
