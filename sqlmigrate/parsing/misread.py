"""Settings in a file under which the server would read its text differently from how it is written.

A file is UTF-8, and is cut into statements with standard conforming strings. `client_encoding` is not among them: our
session keeps it at UTF-8, so every text arrives as it is written.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from sqlmigrate.errors import MigrationError

from .statement import Statement
from .tokens import tokens

# https://www.postgresql.org/docs/current/sql-copy.html: ENCODING
_ENCODING = re.compile(r"[(,]\s*(?P<option>encoding\s+(?:[eE]?'(?P<quoted>[^']*)'|(?P<plain>\w+)))", re.IGNORECASE)
_UTF8 = frozenset(("utf8", "unicode"))
# https://www.postgresql.org/docs/current/runtime-config-compatible.html#GUC-STANDARD-CONFORMING-STRINGS
_SETS_STRINGS = re.compile(
    r"(SET (LOCAL |SESSION )?STANDARD_CONFORMING_STRINGS (TO|=)"
    r"|SELECT (PG_CATALOG \. )?SET_CONFIG \( 'STANDARD_CONFORMING_STRINGS' ,) (?P<value>'?\w+)"
)
_OFF = re.compile(r"'?(OFF?|F(A(L(SE?)?)?)?|NO?|0)$")


def misread(statements: Sequence[Statement]) -> Iterator[MigrationError]:
    """Yield the error of each statement whose text the server would read differently."""
    off: Statement | None = None
    for statement in statements:
        if statement.data:
            yield from _other_encoding(statement)
        elif (
            not statement.plain
            and statement.kind.verb in ("SET", "SELECT")
            and (sets := _SETS_STRINGS.match(statement.kind.first_words))
        ):
            off = statement if _OFF.match(sets["value"]) else None
        elif off:
            yield from _backslashes(statement, off)


def _other_encoding(copy: Statement) -> Iterator[MigrationError]:
    found = _ENCODING.search(copy.text)
    if not found or copy.data is None:
        return
    if copy.on_disk.is_ascii if copy.on_disk else copy.data.text.isascii():
        return
    name = found["quoted"] or found["plain"] or ""
    if re.sub(r"\W|_", "", name).lower() not in _UTF8:
        place = copy.source.span(copy.start + found.start("option"), copy.start + found.end())
        message = f"the data of this COPY are in this file, which is UTF-8, but the option says {name}"
        yield MigrationError(message, place, hint="remove the option ENCODING: the data arrive as they are written")


def _backslashes(statement: Statement, off: Statement) -> Iterator[MigrationError]:
    for kind, start, text in tokens(statement.text):
        if kind == "string" and text[0] == "'" and "\\" in text:
            place = statement.start + start + text.index("\\")
            message = f"line {off.line} turns standard_conforming_strings off, so this backslash would be an escape"
            hint = "remove that line, or write E'…' for a string with escapes: the file is split by the SQL standard"
            yield MigrationError(message, statement.source.span(place, place + 1), hint=hint)
            return
