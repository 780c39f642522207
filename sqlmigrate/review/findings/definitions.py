"""Reads the definitions of indexes, foreign keys and triggers as PostgreSQL writes them: what they guarantee."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from sqlmigrate.identifiers import IDENTIFIER, QUALIFIED

_INDEX = re.compile(
    rf"^CREATE (?P<unique>UNIQUE )?INDEX .+? ON (?:ONLY )?{QUALIFIED} USING (?P<method>\w+) \(", re.DOTALL
)
_ORDER = re.compile(r"(?: (?:ASC|DESC|NULLS FIRST|NULLS LAST))+$")
_FOREIGN_KEY = re.compile(rf"^FOREIGN KEY \((.+)\) REFERENCES ({QUALIFIED})\((.+?)\)(?= |$)(.*)$", re.DOTALL)
_ACTION = re.compile(r"ON (UPDATE|DELETE) (CASCADE|SET NULL|SET DEFAULT)(?: \([^)]*\))?")
_TRIGGER = re.compile(
    rf"^CREATE (?:CONSTRAINT )?TRIGGER {IDENTIFIER} (BEFORE|AFTER|INSTEAD OF) (.+?) ON {QUALIFIED} (.*)"
    rf"EXECUTE (?:FUNCTION|PROCEDURE) (.*)$",
    re.DOTALL,
)
_WHEN = re.compile(r"\bWHEN \((.*)\) $", re.DOTALL)
_NOT_VALID = re.compile(r"(?: NO INHERIT| NOT VALID)+$")


@dataclass(frozen=True)
class IndexDefinition:
    """The definition of an index, in its parts.

    Attributes:
        is_unique: whether it is a unique index
        method: its access method
        columns: its columns and expressions, with operator class and order
        rest: what follows them: INCLUDE, NULLS NOT DISTINCT, storage parameters, WHERE
    """

    is_unique: bool
    method: str
    columns: tuple[str, ...]
    rest: str

    @property
    def where(self) -> str:
        """The condition of a partial index; empty for every row."""
        return self.rest.partition(" WHERE ")[2]


def index_definition(definition: str) -> IndexDefinition | None:
    """Read the definition of an index; return None if it cannot be read."""
    head = _INDEX.match(definition)
    if head is None:
        return None
    *columns, rest = list_in_brackets(definition[head.end() :])
    return IndexDefinition(head["unique"] is not None, head["method"], tuple(columns), rest)


@dataclass(frozen=True)
class UniqueKey:
    """What a unique index guarantees.

    Attributes:
        columns: its columns and expressions, in their order
        where: the condition of a partial index; empty for every row
        has_equal_nulls: whether two NULLs are equal (NULLS NOT DISTINCT)
    """

    columns: tuple[str, ...]
    where: str
    has_equal_nulls: bool

    def covers(self, other: UniqueKey) -> bool:
        """Return whether it also guarantees what another key does, and serves the same ON CONFLICT."""
        return (
            set(self.columns) == set(other.columns)
            and self.where in ("", other.where)
            and (self.has_equal_nulls or not other.has_equal_nulls)
        )


def unique_key(definition: str) -> UniqueKey | None:
    """Read the definition of an index; return None if it is not unique."""
    index = index_definition(definition)
    if index is None or not index.is_unique:
        return None
    names = tuple(_ORDER.sub("", each) for each in index.columns)
    return UniqueKey(names, index.where, "NULLS NOT DISTINCT" in index.rest)


def list_in_brackets(text: str) -> Iterator[str]:
    """Return the parts of a list in brackets, whose opening bracket is left out, and at last what follows it."""
    depth = start = 0
    quote = ""
    for place, letter in enumerate(text):
        if quote:
            quote = "" if letter == quote else quote
        elif letter in "'\"":
            quote = letter
        elif letter == "(":
            depth += 1
        elif letter == ")" and depth:
            depth -= 1
        elif letter in ",)" and not depth:
            yield text[start:place].strip()
            start = place + 1
            if letter == ")":
                break
    yield text[start:]


@dataclass(frozen=True)
class ForeignKey:
    """What a foreign key guarantees.

    Attributes:
        columns: the referencing columns, as text
        table: the referenced table, qualified
        key: the referenced columns, as text
        actions: what happens to the referencing rows, as ``ON DELETE CASCADE``; RESTRICT refuses, as without an action
    """

    columns: str
    table: str
    key: str
    actions: tuple[str, ...]


def foreign_key(definition: str) -> ForeignKey | None:
    """Read the definition of a constraint; return None if it is not a foreign key."""
    found = _FOREIGN_KEY.match(definition)
    if found is None:
        return None
    return ForeignKey(found[1], found[2], found[3], tuple(each[0] for each in _ACTION.finditer(found[4])))


def rule_of_check(definition: str) -> str:
    """Return the definition of a CHECK or an exclusion constraint without what does not apply to new rows."""
    return _NOT_VALID.sub("", definition)


@dataclass(frozen=True)
class TriggerEvents:
    """When a trigger fires, and what it calls.

    Attributes:
        events: what it fires on, as ``INSERT`` and ``UPDATE OF total``
        condition: its WHEN; empty for none
        calls: the function with its arguments
    """

    events: frozenset[str]
    condition: str
    calls: str

    def lost(self, now: TriggerEvents) -> tuple[str, ...]:
        """Return the events that another definition no longer has."""
        return tuple(each for each in sorted(self.events) if not {each, each.split(" OF ")[0]} & now.events)


def trigger_events(definition: str) -> TriggerEvents | None:
    """Read the definition of a trigger; return None if it cannot be read."""
    found = _TRIGGER.match(definition)
    if found is None:
        return None
    condition = _WHEN.search(found[3])
    return TriggerEvents(frozenset(found[2].split(" OR ")), condition[1] if condition else "", found[4])
