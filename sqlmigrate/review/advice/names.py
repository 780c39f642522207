"""Names for the objects and files of an advice."""

from __future__ import annotations

import re

from sqlmigrate.files.naming import name_of
from sqlmigrate.identifiers import displayed, last_part, parent, quoted

_MOST_BYTES = 63  # https://www.postgresql.org/docs/current/sql-syntax-lexical.html#SQL-SYNTAX-IDENTIFIERS
_PLAIN = re.compile(r"[a-z_][a-z0-9_]*")


def made(*words: str) -> str:
    """Return an identifier of these words, quoted if it has to be: ``orders_total_not_null``.

    If it would be too long, the first words are cut.
    """
    *first, last = (last_part(word) for word in words)
    start = "_".join(first)
    while start and len(f"{start}_{last}".encode()) > _MOST_BYTES:
        start = start[:-1]
    return identifier(f"{start}_{last}" if start else last)


def identifier(name: str) -> str:
    """Return a plain name as an identifier, quoted if it has to be. It must not be a reserved word."""
    return name if _PLAIN.fullmatch(name) else quoted(name)


def in_schema_of(table: str, name: str) -> str:
    """Return a name in the schema of a table, as messages show both: ``shop.orders_total``."""
    schema = parent(table)
    return f"{schema}.{name}" if schema else name


def file_name(*words: str) -> str:
    """Return the name of a file that says what it does: ``validate_orders_total_check``."""
    return name_of("_".join(last_part(displayed(word)) for word in words)) or "next"
