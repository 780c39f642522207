"""What a statement is: its verb, its object, whether it runs in a transaction; and a file of them.

`split` says where a statement begins and ends; here its first words are looked at (sqlparse's lexer, a private one: the
shared one can be changed by any library in the process). `read` makes a `Script` of a source, ready to be executed,
or refuses it with every fault it finds.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass
from functools import cache, cached_property, lru_cache
from itertools import dropwhile, islice
from typing import Any, Literal

from .directive import COMMENT, Directive, comment_end, read_directives
from .errors import MigrationError, gather
from .source import Source, Span
from .split import Statement, split

_HEAD_CHARACTERS = 2048
_HEAD_WORDS = 60

# -- the first words ---------------------------------------------------------------------------------------------------

_NAME = r"(?:[^ .(),]+(?:\ \.\ [^ .(),]+)*)"

# PreventInTransactionBlock() in PostgreSQL's sources, 13 to 18, as far as the words of a statement show it. What
# hangs on the kind of object (REINDEX of a partitioned table, CLUSTER of one, DROP SUBSCRIPTION with a slot) is left
# to the server.
_OUTSIDE_TRANSACTION = re.compile(
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
_BEGINS = re.compile(r"(BEGIN|START TRANSACTION)\b( WORK| TRANSACTION)?(?P<options>.*)")
_ENDS = re.compile(r"(COMMIT|END|ROLLBACK|ABORT|PREPARE TRANSACTION)\b(?! PREPARED)(?!( WORK| TRANSACTION)? TO\b)")
_COMMITS = re.compile(r"(COMMIT|END)( WORK| TRANSACTION)?( AND NO CHAIN)?$")
_ISOLATION = r"ISOLATION LEVEL (SERIALIZABLE|REPEATABLE READ|READ (UN)?COMMITTED)"
_BEGIN_OPTIONS = re.compile(rf"( ({_ISOLATION}|READ (WRITE|ONLY)|(NOT )?DEFERRABLE)( ,)?)*")
_READ_ONLY = re.compile(r"SET TRANSACTION\b.* READ ONLY\b")
_TRANSACTION_SETTING = re.compile(r"SET TRANSACTION (ISOLATION|READ|DEFERRABLE|NOT)\b")
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


def _shape(statement: Statement) -> str:
    """Give the first words in upper case, one blank between, quoted names as ``""``: what the rules look at."""
    if plain := _PLAIN.match(statement.source.text, statement.start):
        return plain[0].upper()
    return " ".join('""' if word[0] == '"' else word.upper() for word in words(statement))


def runs_in_transaction(statement: Statement) -> bool:
    """Tell whether PostgreSQL takes the statement inside a transaction block, as far as its words show it."""
    return not _OUTSIDE_TRANSACTION.match(_shape(statement))


def session_setting(statement: Statement) -> str | None:
    """Name what the statement sets for the session, ``role`` or ``search_path``; None where it sets nothing."""
    match = _SESSION_SETTING.match(_shape(statement))
    return match["name"].lower() if match else None


def verb(statement: Statement) -> str:
    """Give what the statement does in PostgreSQL's words: ``CREATE INDEX``, ``ALTER TABLE``, ``UPDATE``."""
    does = _DOES.match(_shape(statement))
    return "" if not does else does["other"] or f"{does['verb']} {does['kind']}"


def object_name(statement: Statement) -> str | None:
    """Give the name of what the statement works on, as it is written; None where no name is given."""
    does = _DOES.match(_shape(statement))
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
    shape = _shape(statement)
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


# -- a file ------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Script:
    """A file ready to be executed.

    `statements` are those that are sent: the two of a ``BEGIN; … COMMIT;`` around the whole file are not among them.
    `begin` is what opens our transaction, with the options of the file's own BEGIN, which is `opening`. `settings` are
    the leading ``SET TRANSACTION`` statements, which PostgreSQL takes only before any other.
    """

    source: Source
    statements: tuple[Statement, ...]
    mode: Literal["transaction", "statements"]
    begin: str = "begin"
    settings: int = 0
    directives: tuple[Directive, ...] = ()
    opening: Statement | None = None

    def value(self, name: str) -> str | None:
        """Give the value of the directive `name`, an empty text where it has none; None where it is not there."""
        return next((directive.value for directive in self.directives if directive.name == name), None)

    @cached_property
    def session_settings(self) -> frozenset[str | None]:
        """What the statements of the file set for the session."""
        return frozenset(map(session_setting, self.statements))

    @property
    def irreversible(self) -> str | None:
        """The reason why there is no down on purpose; None where the file does not say so."""
        value = self.value("irreversible")
        return None if value is None else value[1:-1].strip() or "it says so"


def read(source: Source) -> Script:
    """Split a source, read its directives and find out how it is to be executed.

    Raises `MigrationError`: a text that cannot be split, a malformed directive, a statement that would end the
    transaction, one that runs in none beside others. Further faults of the same file are in its `others`.
    """
    statements = tuple(split(source))
    directives, errors = read_directives(source, statements)
    script = _script(source, statements, directives)
    errors += _faults(script)
    if errors:
        raise gather(errors)
    return script


def _script(source: Source, statements: tuple[Statement, ...], directives: tuple[Directive, ...]) -> Script:
    if any(directive.name == "no-transaction" for directive in directives):
        return Script(source, statements, "statements", directives=directives)
    if len(statements) == 1 and not runs_in_transaction(statements[0]):
        return Script(source, statements, "statements", directives=directives)
    begin, opening = "begin", None
    wrapped = len(statements) > 1 and _BEGINS.match(_shape(statements[0])) and _COMMITS.match(_shape(statements[-1]))
    if wrapped:
        begin, opening = "begin" + _begin_options(statements[0]), statements[0]
        statements = statements[1:-1]
    settings = 0
    while settings < len(statements) and _TRANSACTION_SETTING.match(_shape(statements[settings])):
        settings += 1
    return Script(source, statements, "transaction", begin, settings, directives, opening)


def _begin_options(statement: Statement) -> str:
    options = _BEGINS.match(_shape(statement))
    return options["options"].lower() if options else ""


def _faults(script: Script) -> Iterator[MigrationError]:
    for statement in script.statements:
        shape = _shape(statement)
        if _BEGINS.match(shape) or _ENDS.match(shape):
            yield _own_transaction(statement, script.mode)
        elif script.mode == "transaction" and _OUTSIDE_TRANSACTION.match(shape):
            yield _in_transaction(statement, is_alone=len(script.statements) == 1)
        elif script.mode == "transaction" and _READ_ONLY.match(shape):
            yield _read_only(statement)
    if script.opening and not _BEGIN_OPTIONS.fullmatch(_begin_options(script.opening).upper()):
        hint = "ISOLATION LEVEL …, READ WRITE and [NOT] DEFERRABLE are known"
        yield MigrationError("`BEGIN` with options that there are not", script.opening.span, hint=hint)
    elif script.opening and "read only" in script.begin:
        yield _read_only(script.opening)


def _read_only(statement: Statement) -> MigrationError:
    return MigrationError(
        "a migration cannot be executed in a READ ONLY transaction: its history row is written in the same one",
        statement.span,
        hint="take READ ONLY out",
    )


def _in_transaction(statement: Statement, *, is_alone: bool) -> MigrationError:
    if is_alone:
        beside, hint = "in a BEGIN; … COMMIT;", "take BEGIN and COMMIT out: alone in its file it runs in none"
    else:
        beside = "beside other statements"
        hint = (
            "give it a file of its own, or let every statement of this file run on its own, "
            "recorded one by one: -- sqlmigrate: no-transaction"
        )
    message = f"`{_keywords(statement)}` runs in no transaction, and stands {beside}"
    return MigrationError(message, _first_word(statement), hint=hint)


def _own_transaction(statement: Statement, mode: str) -> MigrationError:
    if mode == "statements":
        return MigrationError(
            f"`{_keywords(statement)}` in a file that runs without a transaction",
            _first_word(statement),
            hint="each statement of it runs on its own and is recorded; take BEGIN and COMMIT out",
        )
    does = "begin a second transaction" if _BEGINS.match(_shape(statement)) else "end the transaction of the migration"
    return MigrationError(
        f"`{_keywords(statement)}` would {does}",
        _first_word(statement),
        hint="take it out: the file and its history row are committed together "
        "(a BEGIN; … COMMIT; around the whole file is fine)",
    )


def _keywords(statement: Statement) -> str:
    shape = _shape(statement)
    if control := _ENDS.match(shape) or _BEGINS.match(shape):
        return control[1]
    match = _OUTSIDE_TRANSACTION.match(shape)
    if match and len(match[0]) < 40:  # noqa: PLR2004 - what reads as a name
        return match[0].strip()
    return " ".join(word.upper() for word in words(statement)[:2] if word[0] not in "\"'(")


def _first_word(statement: Statement) -> Span:
    return statement.source.span(statement.start)
