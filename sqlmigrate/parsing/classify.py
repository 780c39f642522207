"""What a statement is, as its first words show: what it does, and whether it runs in a transaction.

The words come from sqlparse's lexer: a private instance, because any library in the process can change the shared one.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import dropwhile, islice
from typing import Any, Literal

from .comments import COMMENT, comment_end

HEAD_LENGTH = 2048
"""How many characters of a statement are looked at."""

_HEAD_WORDS = 60
_NAME = r"(?:[^ .(),]+(?:\ \.\ [^ .(),]+)*)"

# What calls PreventInTransactionBlock() in PostgreSQL's sources, 13 to 18, if the words of the statement are enough to
# know. If it depends on the object (REINDEX or CLUSTER of a partitioned table, DROP SUBSCRIPTION with a slot, functions
# of extensions), only the server can tell: SQLSTATE 25001.
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
    | ALTER\ SUBSCRIPTION\ {_NAME}\ SET\ \((.*\ )?(FAILOVER\b|TWO_PHASE\ =\ '?(FALSE|OFF|0)\b)
    | DISCARD\ ALL\b
    | (COMMIT|ROLLBACK)\ PREPARED\b
    """,
    re.VERBOSE,
)

_SESSION_SETTING = re.compile(
    r"(SET (SESSION )?(?!LOCAL\b|TRANSACTION\b|CONSTRAINTS\b)|RESET |SELECT (PG_CATALOG \. )?SET_CONFIG \( ')"
    r"(?P<name>\w+)"
)
_REINDEX = re.compile(r"REINDEX (\([^)]*\) )?(?P<kind>INDEX|TABLE|SCHEMA|DATABASE)\b")
_REINDEXED: dict[str, Literal["reindex index", "reindex table", "reindex schema", "reindex database"]] = {
    "INDEX": "reindex index", "TABLE": "reindex table", "SCHEMA": "reindex schema", "DATABASE": "reindex database",
}  # fmt: skip
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
# Other statements that name what they work on, with the words that may come before the name.
_NAMING: dict[str, tuple[str, ...]] = {
    "INSERT": ("INTO",), "MERGE": ("INTO",), "UPDATE": (), "DELETE": ("FROM",), "TRUNCATE": (), "COPY": (), "LOCK": (),
    "ANALYZE": ("VERBOSE",), "VACUUM": ("FULL", "FREEZE", "VERBOSE", "ANALYZE"), "CLUSTER": ("VERBOSE",), "CALL": (),
    "REINDEX": ("INDEX", "SCHEMA", "DATABASE", "SYSTEM"), "SET": ("LOCAL", "SESSION"), "RESET": (),
}  # fmt: skip
_NO_NAMES = frozenset(("ON", "IN", "FOR", "AS", "USING", "ALL"))  # reserved words in the place of a name


@cache
def _lexer() -> Callable[[str], Iterator[tuple[Any, str]]]:
    """Return sqlparse's lexer, a private one. Loading it costs 20 ms, so it is loaded for the first statement."""
    from sqlparse.lexer import Lexer  # noqa: PLC0415

    lexer = Lexer()
    lexer.default_initialization()  # type: ignore[no-untyped-call]
    return lexer.get_tokens


def _words(text: str) -> Iterator[str]:
    while text:
        text = yield from _words_before_comment(text)


def _words_before_comment(text: str) -> Generator[str, None, str]:
    """Yield the words before the first comment and return the text after it: sqlparse does not nest comments."""
    position = 0
    for _, value in _lexer()(text):
        if comment := COMMENT.match(text, position):
            return text[comment_end(text, comment) :]
        yield from (value,) if value[0] in "\"'$" else value.split()
        position += len(value)
    return ""


# What every lexer of SQL reads in the same way: most statements begin with nothing else.
_PLAIN_WORD = re.compile(
    r"""
    \s*+ (?: --[^\n\r]*+ \s*+ )*+          # white space and comments
    (?: ( [A-Za-z_][A-Za-z0-9_]*
        | [0-9]+ (?![\w.])
        | [(),;*] | \.(?!\d) | :: | =(?![<>=~!+\-*/%&|^@\#?`])
        | '[^'\\]*' (?!') | "[^"\\]*" (?!")
        )
      | \Z )
    """,
    re.ASCII | re.VERBOSE,
)


def _first_words(head: str) -> tuple[str, ...]:
    """Return the first words as written, without white space and comments."""
    found = _plain_words(head)
    return tuple(islice(_words(head), _HEAD_WORDS)) if found is None else found


def _plain_words(head: str) -> tuple[str, ...] | None:
    """Return the first words where nothing but plain words and marks comes before their end; None elsewhere.

    sqlparse takes 50 times as long.
    """
    found: list[str] = []
    position = 0
    for word in _PLAIN_WORD.finditer(head):
        text = word[1]
        if word.start() != position:  # something that is not plain was skipped
            return None
        if text is None or len(found) == _HEAD_WORDS:
            break
        found.append(text)
        position = word.end()
    return tuple(found)


def _pattern_text(words: Sequence[str]) -> str:
    """Join words as the patterns expect them: in upper case, separated by one blank, quoted names as ``""``."""
    return " ".join(['""' if word[0] == '"' else word.upper() for word in words])


@dataclass(frozen=True)
class CatalogEffect:
    """How the catalog shows that a statement which runs outside of a transaction took effect.

    Attributes:
        action: What the statement does.
        name: The object that it creates, drops, detaches or builds again, as written; empty for an index whose name
            PostgreSQL chooses, and for a REINDEX of the database it is in.
        table: The table of a new index, or the parent of a partition, as written; None for all others.


    """

    action: Literal[
        "create index", "create unnamed index", "drop index", "detach partition", "create database", "drop database",
        "create subscription", "drop subscription", "create tablespace", "drop tablespace",
        "reindex index", "reindex table", "reindex schema", "reindex database",
    ]  # fmt: skip
    name: str
    table: str | None = None

    @property
    def chooses_names(self) -> bool:
        """Whether PostgreSQL chooses the names of the indexes that the statement builds: ``t_a_idx``, ``i_ccnew``."""
        return self.action.startswith("reindex") or self.action == "create unnamed index"


@dataclass(frozen=True)
class StatementKind:
    """What a statement is, as far as its first words show it.

    Attributes:
        first_words: Its first words, at most 60, in upper case, separated by one blank, quoted names as ``""``. Of an
            ``INSERT`` and the like only the first word.
        verb: What it does, in PostgreSQL's words: ``CREATE INDEX``, ``ALTER TABLE``, ``UPDATE``.
        object_name: The name of the object that it works on, as written; None if it names none, or if it is plain.
        runs_in_transaction: Whether PostgreSQL accepts it inside a transaction block.
        session_setting: The setting it changes for the session, ``role`` or ``search_path``; None if it changes none.
        catalog_effect: How the catalog shows that it took effect; None if it runs in a transaction, or cannot be seen.
            Of a ``DROP SUBSCRIPTION`` only the server knows whether it runs in a transaction.


    """

    first_words: str
    verb: str
    object_name: str | None = None
    runs_in_transaction: bool = True
    session_setting: str | None = None
    catalog_effect: CatalogEffect | None = None

    @property
    def is_plain(self) -> bool:
        """Whether only the first word was read: it writes rows or rights, as all statements with that word do."""
        return self is _PLAIN_KINDS.get(self.verb)


# The first word of these is enough. Reading more of 10,000 INSERTs would take sqlparse a second.
_PLAIN_KINDS = {
    verb: StatementKind(verb, verb) for verb in ("INSERT", "UPDATE", "DELETE", "MERGE", "COPY", "GRANT", "REVOKE")
}
PLAIN_KINDS = tuple(_PLAIN_KINDS.values())
"""What statements are whose first word is enough to know; all with that word share one value."""
PLAIN = re.compile(rf"(?:{'|'.join(_PLAIN_KINDS)})(?=\s)", re.IGNORECASE | re.ASCII)
"""The first word of such a statement."""


def classify(head: str) -> StatementKind:
    """Return what a statement is; `head` are the first `HEAD_LENGTH` characters of its text."""
    if plain := PLAIN.match(head):
        return _PLAIN_KINDS[plain[0].upper()]
    words = _first_words(head)
    text = _pattern_text(words)
    setting = _SESSION_SETTING.match(text)
    inside = not OUTSIDE_TRANSACTION.match(text)
    name = _object_name(words, text)
    return StatementKind(
        text,
        _verb(text),
        name,
        inside,
        setting["name"].lower() if setting else None,
        None if inside and not text.startswith("DROP SUBSCRIPTION ") else _catalog_effect(words, text, name),
    )


def object_name(head: str) -> str | None:
    """Return the name of the object that a statement works on, as written; None if it names none."""
    words = _first_words(head)
    return _object_name(words, _pattern_text(words))


def _verb(text: str) -> str:
    does = _DOES.match(text)
    return "" if not does else does["other"] or f"{does['verb']} {does['kind']}"


def _object_name(words: Sequence[str], text: str) -> str | None:
    does = _DOES.match(text)
    if not does or (does["other"] and does["other"] not in _NAMING):
        return None
    between = _NAMING.get(does["other"] or "", ())
    return _name([*dropwhile(lambda word: word.upper() in between, words[does[0].count(" ") + 1 :])])


def _name(rest: Sequence[str]) -> str | None:
    """Return the name that words begin with, with all its parts."""
    rest = [*dropwhile(lambda word: word.upper() in _BEFORE_NAME, rest)]
    if not rest or rest[0].upper() in _NO_NAMES or not (rest[0][0] in '"_' or rest[0][0].isalpha()):
        return None
    parts = [rest[0]]
    while len(rest) > 2 and rest[1] == ".":  # noqa: PLR2004 - a dot and what follows it
        parts.append(rest[2])
        rest = rest[2:]
    return ".".join(parts)


def _catalog_effect(words: Sequence[str], text: str, name: str | None) -> CatalogEffect | None:
    if (again := _REINDEX.match(text)) and "CONCURRENTLY" in text:
        return CatalogEffect(_REINDEXED[again["kind"]], _name(words[again[0].count(" ") + 1 :]) or "")
    if _INDEX_MADE.match(text):
        table = _name_after(words, "ON")
        return CatalogEffect("create index" if name else "create unnamed index", name or "", table)
    if name is None:
        return None
    if re.search(r"\bDETACH PARTITION\b.*\bCONCURRENTLY$", text):
        return CatalogEffect("detach partition", _name_after(words, "PARTITION") or "", name)
    if text.startswith("DROP INDEX CONCURRENTLY"):
        return CatalogEffect("drop index", name) if "," not in words else None
    return next((CatalogEffect(each, name) for start, each in _ACTIONS.items() if text.startswith(start)), None)


_Action = Literal[
    "create database", "drop database", "create subscription", "drop subscription", "create tablespace",
    "drop tablespace",
]  # fmt: skip
_ACTIONS: dict[str, _Action] = {
    "CREATE DATABASE": "create database",
    "DROP DATABASE": "drop database",
    "CREATE SUBSCRIPTION": "create subscription",
    "DROP SUBSCRIPTION": "drop subscription",
    "CREATE TABLESPACE": "create tablespace",
    "DROP TABLESPACE": "drop tablespace",
}


def _name_after(words: Sequence[str], keyword: str) -> str | None:
    """Return the name that follows a keyword, as written."""
    upper = [word.upper() for word in words]
    return _name(words[upper.index(keyword) + 1 :]) if keyword in upper else None
