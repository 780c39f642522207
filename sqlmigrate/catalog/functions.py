"""Finds functions whose bodies no longer work after a change of the schema.

PostgreSQL does not check them: the body of a function is text until the function is called.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass

import psycopg

from sqlmigrate.database.session import Request, Session
from sqlmigrate.identifiers import plain_parts
from sqlmigrate.parsing.tokens import blanked

from .sql_definitions import BODIES
from .sql_relations import GUARD, SETTINGS

_WORD = re.compile(r"[\w$]+")
# The body returns something other than what the function declares; the message of the server names no object.
_RETURNS_OTHER = ("42P13", "42804")


@dataclass(frozen=True)
class BrokenBody:
    """A function whose body no longer works.

    Attributes:
        function: its name with its argument types
        reason: why, from PostgreSQL's message where there is one
        missing: the name in the body that no longer exists; empty if it is not known
    """

    function: str
    reason: str
    missing: str = ""


def broken_bodies(session: Session, gone: Collection[str] = ()) -> tuple[BrokenBody, ...]:
    """Return the functions whose bodies no longer work because of the objects in `gone`.

    A function in SQL that names one of them is compiled again, in a transaction that is rolled back. A body in PL/pgSQL
    is compiled at the first call only; there, to name the object is enough, for a column together with its table
    (https://www.postgresql.org/docs/current/plpgsql-implementation.html#PLPGSQL-PLAN-CACHING).
    """
    objects = {_words_of(name) for name in gone}
    found = []
    for name, language, definition, source, triggers in session.ask(GUARD, *SETTINGS, Request(BODIES), _ROLLBACK)[-2]:
        body = _Body(source or "", triggers or "")
        if language == "sql":
            named = {words for words in objects if any(map(body.says, words))}
            broken = _compile(session, name or "", definition or "", named) if named else None
        else:
            broken = next((_naming(name or "", words[-1]) for words in sorted(objects) if body.names(words)), None)
        if broken:
            found.append(broken)
    return tuple(found)


_ROLLBACK = Request("rollback")


def _naming(function: str, word: str) -> BrokenBody:
    return BrokenBody(function, f"it names `{word}`, which no longer exists", word.strip("'"))


def _words_of(name: str) -> tuple[str, ...]:
    """Return the words for an object in a body, without its schema: for a column its table and itself."""
    parts = tuple(part.lower() for part in plain_parts(name))
    return parts[1:] or parts


class _Body:
    """The body of a function, without comments; for a trigger function with the tables that it is for."""

    def __init__(self, source: str, tables: str) -> None:
        self._text = blanked(source, "comment").lower()
        self._words = set(_WORD.findall(self._text))
        self._tables = set(tables.split())

    def says(self, word: str) -> bool:
        return word in self._words if _WORD.fullmatch(word) else word in self._text

    def names(self, words: tuple[str, ...]) -> bool:
        *table, own = words
        is_label = own.startswith("'")  # of an enum: a body has it without its type
        return self.says(own) and (is_label or all(self.says(each) or each in self._tables for each in table))


def _compile(session: Session, function: str, definition: str, gone: Collection[tuple[str, ...]]) -> BrokenBody | None:
    """Compile a function again; return None if that works, or fails for another reason than the objects in `gone`."""
    try:
        session.ask(Request("begin"), Request("set local check_function_bodies = on"), Request(definition))
    except psycopg.Error as error:
        session.abort()
        message = error.diag.message_primary or "it no longer compiles"
        named = [own for *_, own in sorted(gone) if own.strip("'") in message.lower()]
        if not named and error.sqlstate not in _RETURNS_OTHER:
            return None
        return BrokenBody(function, message, named[0].strip("'") if named else "")
    session.ask(_ROLLBACK)
    return None
