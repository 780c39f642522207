"""Names of database objects as they are written in SQL: quoted, qualified, in parts.

A name is text such as ``public.orders.total``: parts separated by dots, each quoted where PostgreSQL needs it. A part
may be a quoted identifier (``"a.b"``), a function with its argument types (``f(integer, app.state)``) or the label of
an enum (``'paid'``); dots and quotes inside of those separate nothing.
https://www.postgresql.org/docs/current/sql-syntax-lexical.html#SQL-SYNTAX-IDENTIFIERS
"""

from __future__ import annotations

import re

# A regular expression for one identifier, plain or quoted, to be used inside of others.
IDENTIFIER = r'(?:[\w$]+|"(?:[^"]|"")+")'
# The same for a name that may be qualified, without blanks in it.
QUALIFIED = rf"{IDENTIFIER}(?:\.{IDENTIFIER})*"

_QUOTED = r'"(?:[^"]|"")*"'
_PART = re.compile(rf"""(?:{_QUOTED}|'(?:[^']|'')*'|\((?:{_QUOTED}|[^")])*\)|[^.])+""")
_ARGUMENTS = re.compile(rf"^((?:{_QUOTED}|[^\"(])+)\(.*\)$", re.DOTALL)
_WRITTEN_PART = re.compile(r'"((?:[^"]|"")+)"|([^."]+)')


def quoted(*parts: str) -> str:
    """Write the parts of a name as SQL: ``"ops"."my table"``."""
    return ".".join('"' + part.replace('"', '""') + '"' for part in parts)


def literal(text: str) -> str:
    """Write a text as an SQL string: ``'it''s'``; a backslash is itself in it, as the SQL standard has it."""
    return "'" + text.replace("'", "''") + "'"


def parts(name: str) -> tuple[str, ...]:
    """Split a qualified name at its dots; the parts stay as they are written, quotes included."""
    return tuple(_PART.findall(name))


def plain(part: str) -> str:
    """Give one part of a name without its quotes and without the arguments of a function."""
    bare = _ARGUMENTS.sub(r"\1", part)
    return bare[1:-1].replace('""', '"') if len(bare) > 1 and bare[0] == bare[-1] == '"' else bare


def plain_parts(name: str) -> tuple[str, ...]:
    """Split a qualified name, and give its parts without quotes and arguments: what two spellings have in common."""
    return tuple(map(plain, parts(name)))


def last_part(name: str) -> str:
    """Give what an object alone is called, without quotes and arguments: ``total`` of ``public."Order".total``."""
    return plain_parts(name)[-1] if name else ""


def parent(name: str) -> str:
    """Give the name without its last part, as it is written: the table of a column; empty for a single part."""
    return ".".join(parts(name)[:-1])


def displayed(name: str) -> str:
    """Give a name as messages show it: without the schema ``public``."""
    return name.removeprefix("public.")


def is_same(name: str, other: str) -> bool:
    """Tell whether two qualified names mean the same object; a missing schema is ``public``."""
    return displayed(name) == displayed(other)


def written_parts(text: str) -> tuple[str, ...] | None:
    """Read a name that a user has written, ``ops.migrations`` or ``"a.b".m``, into plain parts; None if it is none.

    Parts without quotes are taken as they are: they are not folded to lower case.
    """
    found: list[str] = []
    position = 0
    while match := _WRITTEN_PART.match(text, position):
        if match[2] and not match[2].strip():
            return None
        found.append(match[2] or match[1].replace('""', '"'))
        position = match.end()
        if position == len(text):
            return tuple(found)
        if text[position] != ".":
            return None
        position += 1
    return None
