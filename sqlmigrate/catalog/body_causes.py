"""Which change of a schema explains that a piece of SQL in a body cannot be planned any more.

Only an error that an object of the changes explains is counted: a body that was broken before stays as it is.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

from sqlmigrate.identifiers import displayed, plain_parts
from sqlmigrate.parsing.tokens import blanked

from .objects import ROUTINES, TYPES, WITH_COLUMNS, Catalog, Object

_WORD = re.compile(r"[\w$]+")
# https://www.postgresql.org/docs/current/errcodes-appendix.html
_COLUMN_MISSING = ("42703", "42704")  # the latter for a composite type's attribute in a declaration
_COLUMN_AMBIGUOUS = "42702"
_TYPES_DIFFER = ("42883", "42804", "42846", "22P02")
_OTHER_COLUMNS = ("42601", "42804", "42P13")  # more or fewer than expected, or others
_WITH_TABLES = frozenset(("from", "insert", "update", "delete", "merge"))
_MISSING = {
    "42P01": WITH_COLUMNS,
    "42883": ROUTINES,
    "42809": ROUTINES,
    "42704": TYPES,
    "22P02": ("enum label",),
    "3F000": ("schema",),
}


@dataclass(frozen=True)
class Cause:
    """An object whose change breaks a body.

    Attributes:
        kind: its kind
        name: its qualified name: of a dropped object the old one, of a new one the new one
        change: what happened to it
    """

    kind: str
    name: str
    change: str

    @cached_property
    def own(self) -> str:
        """Its own name in lower case, without quotes."""
        return plain_parts(self.name)[-1].strip("'").lower()

    @cached_property
    def _table(self) -> frozenset[str]:
        """The words of the table of a column."""
        return frozenset(_WORD.findall(plain_parts(self.name)[-2].lower())) if self.kind == "column" else frozenset()

    def is_of_table_in(self, words: frozenset[str]) -> bool:
        """Return whether its table is said, if it is a column."""
        return self._table <= words

    def has_other_columns_in(self, words: frozenset[str]) -> bool:
        """Return whether it is a column that a table has more or less, and the table is said."""
        return self.kind == "column" and self.change != "retyped" and self.is_of_table_in(words)

    @property
    def shown(self) -> str:
        """The name as messages show it."""
        return displayed(self.name)


@dataclass(frozen=True)
class Causes:
    """The changes of a schema that may break bodies.

    Attributes:
        causes: the objects
    """

    causes: tuple[Cause, ...]

    @cached_property
    def _by_word(self) -> Mapping[str, tuple[Cause, ...]]:
        found: dict[str, list[Cause]] = {}
        for each in self.causes:
            found.setdefault((_WORD.findall(each.own) or [""])[0], []).append(each)
        return {word: tuple(each) for word, each in found.items()}

    def touching(self, words: frozenset[str], text: str) -> Iterator[Cause]:
        """Return the causes whose own names are said, and the columns of tables that are said without columns."""
        yield from self.said_in(words)
        if "*" in text or "insert" in words:
            for each in self.causes:
                if each.has_other_columns_in(words) and not words.issuperset(_WORD.findall(each.own)):
                    yield each

    def of_rows(self, words: frozenset[str]) -> Iterator[Cause]:
        """Return the columns that a table has more or less, whose rows are the result of a function of these words."""
        return (each for each in self.causes if each.has_other_columns_in(words))

    def said_in(self, words: Iterable[str]) -> Iterator[Cause]:
        """Return the causes whose own names are among the words, in lower case."""
        known = set(words)
        for word in sorted(known & self._by_word.keys()):
            yield from (each for each in self._by_word[word] if known.issuperset(_WORD.findall(each.own)))


def causes_of(before: Catalog, after: Catalog) -> Causes:
    """Return what may break a body: objects whose names are gone, columns that are new or have another type."""
    was, now = before.objects, after.objects
    gone = [Cause(kind, name, "gone") for kind, name in was.keys() - now.keys()]
    columns = [each for (kind, _), each in now.items() if kind == "column"]
    other = [change for each in columns for change in _of_column(each, was.get(("column", each.name)), was)]
    return Causes(tuple(sorted([*gone, *other], key=lambda each: (each.kind, each.name, each.change))))


def _of_column(column: Object, before: Object | None, was: Mapping[tuple[str, str], Object]) -> Iterator[Cause]:
    if before is None:
        if any((kind, column.table) in was for kind in WITH_COLUMNS):
            yield Cause("column", column.name, "new")
    elif before.attributes.get("type") != column.attributes.get("type"):
        yield Cause("column", column.name, "retyped")


def words_of(text: str) -> frozenset[str]:
    """Return the words of SQL in lower case, without those in comments."""
    return frozenset(_WORD.findall(blanked(text, "comment").lower()))


@dataclass(frozen=True)
class Failure:
    """A piece of SQL that PostgreSQL refuses to plan.

    Attributes:
        text: the piece
        state: the SQLSTATE
        message: PostgreSQL's message
        is_declaration: whether not even the declarations can be read
        is_result: whether it is about what the function returns
    """

    text: str
    state: str
    message: str
    is_declaration: bool = False
    is_result: bool = False


def explanation(failure: Failure, causes: Causes, tables: frozenset[str], body: frozenset[str]) -> Cause | None:
    """Return the cause that explains a failure; None if it may have another reason.

    Args:
        failure: The failure.
        causes: What may explain it.
        tables: The tables whose rows the variables of the body hold, as `new` does.
        body: The words of the whole body: a record of an expression may come from any table in it.
    """
    said = words_of(failure.text)
    tables = tables if said & _WITH_TABLES else tables | body
    told = frozenset(_WORD.findall(failure.message.lower()))
    for each in causes.said_in(said):
        is_told = told.issuperset(_WORD.findall(each.own))
        if _explains(each, failure, is_told=is_told, is_of_table=each.is_of_table_in(said | tables)):
            return each
    if failure.is_result and failure.state in _OTHER_COLUMNS:
        return next(causes.of_rows(tables), None)
    return _shape_explanation(failure, causes, said)


def _explains(cause: Cause, failure: Failure, *, is_told: bool, is_of_table: bool) -> bool:
    if cause.kind != "column":
        return cause.change == "gone" and is_told and cause.kind in _MISSING.get(failure.state, ())
    if not is_of_table:
        return False
    if cause.change == "gone":
        is_type = failure.is_declaration and re.search(rf'{re.escape(cause.own)}"?\s*%type\b', failure.text.lower())
        return (is_told and failure.state in _COLUMN_MISSING) or bool(is_type)
    if cause.change == "new":
        return is_told and failure.state == _COLUMN_AMBIGUOUS
    return failure.state in _TYPES_DIFFER


def _shape_explanation(failure: Failure, causes: Causes, said: frozenset[str]) -> Cause | None:
    """Return the new or dropped column that a ``*``, or an INSERT without a list of columns, does not expect."""
    if failure.is_declaration or failure.state not in _OTHER_COLUMNS:
        return None
    touching = causes.touching(said, failure.text)
    return next((each for each in touching if each.has_other_columns_in(said)), None)
