"""Finds functions whose bodies no longer compile."""

from __future__ import annotations

import re
from collections.abc import Collection

import psycopg

from sqlmigrate.database.session import Request, Session
from sqlmigrate.identifiers import plain_parts
from sqlmigrate.parsing.tokens import blanked

from .sql_definitions import BODIES
from .sql_relations import GUARD, SETTINGS

_WORD = re.compile(r"[\w$]+")
_MISFITS = ("42P13", "42804")  # the body gives what the function does not return: nobody is named


def broken_bodies(session: Session, gone: Collection[str] = ()) -> tuple[tuple[str, str], ...]:
    """Give the functions whose bodies no longer compile, each with why.

    Of the functions that say what is `gone`, those in SQL are compiled anew, in a transaction that is rolled back;
    PL/pgSQL compiles at the first call, and there the word itself is the finding: a column's together with its table's
    (https://www.postgresql.org/docs/current/plpgsql-implementation.html#PLPGSQL-PLAN-CACHING).
    """
    things = {_spoken(name) for name in gone}
    requests = (GUARD, *SETTINGS, Request(BODIES), Request("rollback"))
    found = []
    for name, language, definition, source, triggers in session.ask(*requests)[-2]:
        body = _Body(source or "", triggers or "")
        if language == "sql":
            touched = {thing for thing in things if any(map(body.says, thing))}
            why = _refused(session, definition or "", touched) if touched else None
        else:
            why = next((f"it says `{thing[-1]}`, which is gone" for thing in sorted(things) if body.means(thing)), None)
        if why:
            found.append((name or "", why))
    return tuple(found)


def _spoken(name: str) -> tuple[str, ...]:
    """Give the words for an object in a body, without its schema: of a column the table's and its own."""
    parts = tuple(part.lower() for part in plain_parts(name))
    return parts[1:] or parts


class _Body:
    """The body of a function: what it says, comments apart; of a trigger's function its tables are known besides."""

    def __init__(self, source: str, tables: str) -> None:
        self._text = blanked(source, "comment").lower()
        self._words = set(_WORD.findall(self._text))
        self._tables = set(tables.split())

    def says(self, word: str) -> bool:
        return word in self._words if _WORD.fullmatch(word) else word in self._text

    def means(self, thing: tuple[str, ...]) -> bool:
        *table, own = thing
        return self.says(own) and (own[:1] == "'" or all(self.says(each) or each in self._tables for each in table))


def _refused(session: Session, definition: str, gone: Collection[tuple[str, ...]]) -> str | None:
    """Compile a function anew; None where it does, or fails for another reason than what is gone."""
    try:
        session.ask(Request("begin"), Request("set local check_function_bodies = on"), Request(definition))
    except psycopg.Error as error:
        session.abort()
        message = error.diag.message_primary or "it no longer compiles"
        is_ours = error.sqlstate in _MISFITS or any(thing[-1].strip("'") in message.lower() for thing in gone)
        return message if is_ours else None
    session.ask(Request("rollback"))
    return None
