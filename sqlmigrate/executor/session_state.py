"""What our own requests rely on in a session that the statements of a file may change: checked in the same turn."""

from __future__ import annotations

import re

import psycopg

from sqlmigrate.database import run_lock
from sqlmigrate.database.session import Request
from sqlmigrate.errors import StatementError
from sqlmigrate.parsing.statement import Statement
from sqlmigrate.plan.plan import Step

_ENCODING = "pg_catalog.current_setting('client_encoding')"
_LOST = "sqlmigrate: client_encoding is"
_LOST_ENCODING = re.compile(rf"{_LOST} (\w+)")
MAY_SET = frozenset(
    ("SELECT", "WITH", "VALUES", "TABLE", "CALL", "DO", "EXECUTE", "FETCH", "SET", "RESET", "DISCARD", "EXPLAIN")
)
"""The first words of statements that may change a setting of the session: they do so, or they call functions.

A function that a trigger or an index calls may do so too; that is found at the end of the file.
"""

MAY_PREPARE = (MAY_SET - {"SET", "RESET"}) | {"PREPARE", "DEALLOCATE"}
"""The first words of statements that may prepare statements, or deallocate them."""

_SETS_ENCODING = re.compile(
    r"SET (SESSION |LOCAL )?(CLIENT_ENCODING|NAMES)\b|SELECT (PG_CATALOG \. )?SET_CONFIG \( 'CLIENT_ENCODING'"
)
_NAMES_ENCODING = re.compile(r"\bencoding\b", re.IGNORECASE)


def check(lock_key: int | None) -> Request:
    """Check what a file in a transaction leaves behind; fails if the text of the file was read in another encoding.

    The last column of the answer says what became of the lock, as `run_lock.still_held` does; it is null without
    a `lock_key`.
    """
    lock = "null" if lock_key is None else run_lock.still_held(lock_key)
    lost = f"pg_catalog.concat('{_LOST} ', {_ENCODING})::int"
    return Request(f"select case when {_ENCODING} <> 'UTF8' then {lost} end,\n       {lock}")


def of_encoding(error: psycopg.Error, step: Step) -> StatementError | None:
    """Make the error if `check` has failed; None for any other failure."""
    found = _LOST_ENCODING.search(error.diag.message_primary or "")
    if not found or not isinstance(error, psycopg.errors.InvalidTextRepresentation):
        return None
    message = f"{step.label}: something in the file sets client_encoding to {found[1]}, but the file is UTF-8"
    hint = "take that out: the text after it would be stored as other characters"
    return StatementError(message, step.script.source.span(0, 0), hint=hint)


def encoding_of_files(statements: tuple[Statement, ...], number: int) -> Statement | None:
    """Give the statement that names the encoding of the server's file which COPY number `number` reads or writes.

    A COPY takes it from `client_encoding` if it does not name one, so what the file has set before holds for it. None
    for any other statement.
    """
    copy = statements[number - 1]
    if copy.kind.verb != "COPY" or copy.data is not None or _NAMES_ENCODING.search(copy.text):
        return None
    return next((each for each in reversed(statements[: number - 1]) if sets_encoding(each)), None)


def sets_encoding(statement: Statement) -> bool:
    """Tell whether a statement sets `client_encoding`."""
    return statement.kind.verb in ("SET", "SELECT") and bool(_SETS_ENCODING.match(statement.kind.first_words))
