"""The actions of an ALTER TABLE, so that one of them can be changed and the others stay as they are."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from sqlmigrate.identifiers import IDENTIFIER, QUALIFIED
from sqlmigrate.parsing.tokens import blanked, split_at_commas, tokens

_HEAD = re.compile(
    rf"(?P<head>alter\s+table\s+(?:if\s+exists\s+)?(?:only\s+)?(?P<table>{QUALIFIED})(?:\s*\*)?)\s+(?P<actions>\S.*)",
    re.IGNORECASE | re.DOTALL,
)


@dataclass(frozen=True)
class AlterTable:
    """An ALTER TABLE.

    Attributes:
        head: what comes before the actions: ``alter table only shop.orders``
        table: the table, as it is written
        actions: the actions, as they are written, without comments
    """

    head: str
    table: str
    actions: tuple[str, ...]

    def having(self, actions: Sequence[str]) -> str:
        """Return the statement with these actions; empty for none."""
        if len(actions) <= 1:
            return f"{self.head} {actions[0]}" if actions else ""
        return f"{self.head}\n    " + ",\n    ".join(actions)


def read(text: str) -> AlterTable | None:
    """Read an ALTER TABLE; return None for another statement."""
    found = _HEAD.fullmatch(blanked(text, "comment").strip())
    if found is None:
        return None
    return AlterTable(" ".join(found["head"].split()), found["table"], tuple(split_at_commas(found["actions"])))


def of(table: str) -> AlterTable:
    """Return a statement that alters a table, without an action."""
    return AlterTable(f"alter table {table}", table, ())


_ADD_COLUMN = re.compile(
    rf"add\s+(?:column\s+)?(?:if\s+not\s+exists\s+)?(?!(?:constraint|check|foreign|unique|primary|exclude)\b)"
    rf"(?P<column>{IDENTIFIER})\s+(?P<rest>\S.*)",
    re.IGNORECASE | re.DOTALL,
)
_CLAUSES = ("constraint", "check", "references", "unique", "primary", "not", "null", "default", "generated", "collate")
_INSIDE = {"null": ("not", "set", "default"), "default": ("set", "by")}  # `set null`, `by default as identity`


@dataclass(frozen=True)
class Clause:
    """A part of the definition of a column.

    Attributes:
        kind: the keyword that it begins with: ``check``, ``references``; empty for the type
        name: the name of a constraint, as it is written; empty for none
        text: the clause without that name
    """

    kind: str
    name: str
    text: str


@dataclass(frozen=True)
class NewColumn:
    """An action of ALTER TABLE that adds a column.

    Attributes:
        name: the column, as it is written
        clauses: its type, and what follows
    """

    name: str
    clauses: tuple[Clause, ...]

    def of(self, *kinds: str) -> list[Clause]:
        """Return the clauses of some kinds."""
        return [each for each in self.clauses if each.kind in kinds]

    def without(self, *kinds: str) -> str:
        """Return the action without the clauses of some kinds."""
        kept = (each for each in self.clauses if each.kind not in kinds)
        texts = (f"constraint {each.name} {each.text}" if each.name else each.text for each in kept)
        return f"add column {self.name} {' '.join(texts)}"


def new_column(action: str) -> NewColumn | None:
    """Read an action that adds a column; return None for another action."""
    found = _ADD_COLUMN.fullmatch(action)
    return NewColumn(found["column"], tuple(_clauses(found["rest"]))) if found else None


def _clauses(definition: str) -> Iterator[Clause]:
    kind, name, start, before = "", "", 0, ""
    for offset, word in top_words(definition):
        lower = word.lower()
        if lower in _CLAUSES and before not in _INSIDE.get(lower, ()):
            if kind == "constraint":  # the clause that has this name
                name = definition[start:offset].rsplit(maxsplit=1)[-1]
            else:
                yield Clause(kind, name, definition[start:offset].strip())
                name = ""
            kind, start = lower, offset
        before = lower
    yield Clause(kind, name, definition[start:].strip())


def top_words(text: str) -> Iterator[tuple[int, str]]:
    """Return the words of a text that are in no brackets, with their offsets."""
    depth = 0
    for kind, offset, found in tokens(text):
        if kind == "word":
            depth += (found in "([") - (found in ")]")
            if not depth:
                yield offset, found
