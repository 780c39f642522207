"""What a statement is: its verb, its object, whether it runs in a transaction; and a file of them.

`split` says where a statement begins and ends; here its first words are looked at (sqlparse's lexer, a private one: the
shared one can be changed by any library in the process). `read` makes a `Script` of a source, ready to be executed,
or refuses it with every fault it finds.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from itertools import dropwhile, islice
from typing import Any, Literal

from .directives import COMMENT, comment_end
from .splitter import Statement

_HEAD_CHARACTERS = 2048
_HEAD_WORDS = 60


_NAME = r"(?:[^ .(),]+(?:\ \.\ [^ .(),]+)*)"

# PreventInTransactionBlock() in PostgreSQL's sources, 13 to 18, as far as the words of a statement show it. What
# hangs on the kind of object (REINDEX of a partitioned table, CLUSTER of one, DROP SUBSCRIPTION with a slot) is left
# to the server.
OUTSIDE_TRANSACTION = re.compile(
    rf"""CREATE\ (UNIQUE\ )?INDEX\ CONCURRENTLY\b
    | DROP\ INDEX\ CONCURRENTLY\b
    | REINDEX\ (\([^)]*\)\ )?(SCHEMA|DATABASE|SYSTEM)\b
    | REINDEX\ (\([^)]*\)\ )?(INDEX|TABLE)\ CONCURRENTLY\b
    | REINDEX\ \([^)]*\bCONCURRENTLY(\ (TRUE|ON|1|'TRUE'|'ON'))?\ [,)]
    | VACUUM\b
    | ALTER\ SYSTEM\b
    | (CREATE|DROP)\ (DATABASE|TABLESPACE)\b
    | ALTER\ DATABASE\ {_NAME}\ SET\ TABLESPACE\b
    | CLUSTER(\ VERBOSE|\ \([^)]*\))?$
    | ALTER\ TABLE\ (IF\ EXISTS\ )?(ONLY\ )?{_NAME}\ (\*\ )?DETACH\ PARTITION\ {_NAME}\ CONCURRENTLY\b
    | CREATE\ SUBSCRIPTION\b(?!.*\b(CONNECT|CREATE_SLOT)\ =\ '?(FALSE|OFF|0)\b)
    | ALTER\ SUBSCRIPTION\ {_NAME}\ (REFRESH|((SET|ADD|DROP)\ PUBLICATION\b(?!.*\bREFRESH\ =\ '?(FALSE|OFF|0)\b)))
    | DISCARD\ ALL\b
    | (COMMIT|ROLLBACK)\ PREPARED\b
    """,
    re.VERBOSE,
)

_SESSION_SETTING = re.compile(
    r"(SET (SESSION )?(?!LOCAL\b|TRANSACTION\b|CONSTRAINTS\b)|RESET |SELECT (PG_CATALOG \. )?SET_CONFIG \( ')"
    r"(?P<name>\w+)"
)
# Of these no rule looks beyond the first word: 10,000 INSERTs need not be read by sqlparse, which takes a second.
_PLAIN = re.compile(r"(?:INSERT|UPDATE|DELETE|MERGE|COPY|GRANT|REVOKE)(?=\s)", re.IGNORECASE | re.ASCII)
_INDEX_MADE = re.compile(r"CREATE (UNIQUE )?INDEX CONCURRENTLY\b")

_MODIFIERS = r"""(?:OR|REPLACE|UNIQUE|TEMP|TEMPORARY|UNLOGGED|GLOBAL|LOCAL|RECURSIVE|TRUSTED|PROCEDURAL|CONSTRAINT
    |DEFAULT(?!\ PRIVILEGES))"""
_KINDS = r"""(?:MATERIALIZED\ VIEW|FOREIGN\ TABLE|FOREIGN\ DATA\ WRAPPER|EVENT\ TRIGGER|TEXT\ SEARCH\ \w+|ACCESS\ METHOD
    |OPERATOR\ (?:CLASS|FAMILY)|USER\ MAPPING|DEFAULT\ PRIVILEGES|LARGE\ OBJECT|OWNED\ BY|\w+)"""
_DOES = re.compile(
    rf"""(?P<verb>CREATE|ALTER|DROP|REFRESH|COMMENT\ ON|SECURITY\ LABEL\ ON)\ (?:{_MODIFIERS}\ )*(?P<kind>{_KINDS})
    | (?:\(\ )*(?P<other>\w+)""",
    re.VERBOSE,
)
_BEFORE_NAME = frozenset(("IF", "NOT", "EXISTS", "ONLY", "CONCURRENTLY", "TABLE"))
# What else works on something that it names, with the words that may stand between.
_NAMING: dict[str, tuple[str, ...]] = {
    "INSERT": ("INTO",), "MERGE": ("INTO",), "UPDATE": (), "DELETE": ("FROM",), "TRUNCATE": (), "COPY": (), "LOCK": (),
    "ANALYZE": ("VERBOSE",), "VACUUM": ("FULL", "FREEZE", "VERBOSE", "ANALYZE"), "CLUSTER": ("VERBOSE",), "CALL": (),
    "REINDEX": ("INDEX", "SCHEMA", "DATABASE", "SYSTEM"), "SET": ("LOCAL", "SESSION"), "RESET": (),
}  # fmt: skip
_NO_NAMES = frozenset(("ON", "IN", "FOR", "AS", "USING", "ALL"))  # reserved words that stand where there is no name


@cache
def _lexer() -> Callable[[str], Iterator[tuple[Any, str]]]:
    """Give the lexer of sqlparse: a private one, loaded when the first statement is looked at (it costs 20 ms)."""
    from sqlparse.lexer import Lexer  # noqa: PLC0415

    lexer = Lexer()
    lexer.default_initialization()  # type: ignore[no-untyped-call]
    return lexer.get_tokens


def _words(text: str) -> Iterator[str]:
    while text:
        text = yield from _words_before_comment(text)


def _words_before_comment(text: str) -> Generator[str, None, str]:
    """Give the words up to the first comment, and return what is behind it: sqlparse does not nest comments."""
    position = 0
    for _, value in _lexer()(text):
        if comment := COMMENT.match(text, position):
            return text[comment_end(text, comment) :]
        yield from (value,) if value[0] in "\"'$" else value.split()
        position += len(value)
    return ""


@lru_cache(maxsize=4096)
def _first_words(head: str) -> tuple[str, ...]:
    return tuple(islice(_words(head), _HEAD_WORDS))


def words(statement: Statement) -> tuple[str, ...]:
    """Give the first words of a statement as they are written, without white space and comments."""
    return _first_words(statement.text[:_HEAD_CHARACTERS])


def leading_words(statement: Statement) -> str:
    """Give the first words in upper case, one blank between, quoted names as ``""``: what the rules look at."""
    if plain := _PLAIN.match(statement.source.text, statement.start):
        return plain[0].upper()
    return " ".join('""' if word[0] == '"' else word.upper() for word in words(statement))


def runs_in_transaction(statement: Statement) -> bool:
    """Tell whether PostgreSQL takes the statement inside a transaction block, as far as its words show it."""
    return not OUTSIDE_TRANSACTION.match(leading_words(statement))


def session_setting(statement: Statement) -> str | None:
    """Name what the statement sets for the session, ``role`` or ``search_path``; None where it sets nothing."""
    match = _SESSION_SETTING.match(leading_words(statement))
    return match["name"].lower() if match else None


def verb(statement: Statement) -> str:
    """Give what the statement does in PostgreSQL's words: ``CREATE INDEX``, ``ALTER TABLE``, ``UPDATE``."""
    does = _DOES.match(leading_words(statement))
    return "" if not does else does["other"] or f"{does['verb']} {does['kind']}"


def object_name(statement: Statement) -> str | None:
    """Give the name of what the statement works on, as it is written; None where no name is given."""
    does = _DOES.match(leading_words(statement))
    if not does or (does["other"] and does["other"] not in _NAMING):
        return None
    between = _NAMING.get(does["other"] or "", ())
    return _name([*dropwhile(lambda word: word.upper() in between, words(statement)[does[0].count(" ") + 1 :])])


def _name(rest: Sequence[str]) -> str | None:
    """Give the name that words begin with, of as many parts as it has."""
    rest = [*dropwhile(lambda word: word.upper() in _BEFORE_NAME, rest)]
    if not rest or rest[0].upper() in _NO_NAMES or not (rest[0][0] in '"_' or rest[0][0].isalpha()):
        return None
    parts = [rest[0]]
    while len(rest) > 2 and rest[1] == ".":  # noqa: PLR2004 - a dot and what is behind it
        parts.append(rest[2])
        rest = rest[2:]
    return ".".join(parts)


def describe(statement: Statement) -> str:
    """Give a short name for messages: ``CREATE INDEX orders_customer``."""
    return " ".join(filter(None, (verb(statement), object_name(statement))))


@dataclass(frozen=True)
class Concurrent:
    """A statement that runs in no transaction and whose effect the catalog shows: on what, and on which table."""

    kind: Literal["create index", "drop index", "detach partition", "create database", "drop database"]
    name: str
    table: str | None = None


def concurrent(statement: Statement) -> Concurrent | None:
    """Give what the catalog can tell of a statement that runs in no transaction; None where it can tell nothing."""
    shape = leading_words(statement)
    name = object_name(statement)
    if _INDEX_MADE.match(shape):
        return Concurrent("create index", name, _name_after(statement, "ON")) if name else None
    if shape.startswith("DROP INDEX CONCURRENTLY") and "," not in words(statement):
        return Concurrent("drop index", name) if name else None
    if name and re.search(r"\bDETACH PARTITION\b.*\bCONCURRENTLY$", shape):
        return Concurrent("detach partition", _name_after(statement, "PARTITION") or "", name)
    if name and shape.startswith(("CREATE DATABASE", "DROP DATABASE")):
        return Concurrent("create database" if shape[0] == "C" else "drop database", name)
    return None


def _name_after(statement: Statement, keyword: str) -> str | None:
    """Give the name behind a keyword, as it is written."""
    rest = list(words(statement))
    upper = [word.upper() for word in rest]
    return _name(rest[upper.index(keyword) + 1 :]) if keyword in upper else None
