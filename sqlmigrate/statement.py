"""What a statement is: its verb, its object, whether it runs in a transaction; and the directives of a file.

`split` says where a statement begins and ends; here its first words are looked at (sqlparse's lexer, a private one: the
shared one can be changed by any library in the process). `read` makes a `Script` of a source, ready to be executed,
or refuses it with every fault it finds.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from itertools import islice
from typing import Any, Literal

from .errors import MigrationError, gather
from .source import Source, Span
from .split import Statement, split

_HEAD_CHARACTERS = 2048
_HEAD_WORDS = 60

# -- the first words ---------------------------------------------------------------------------------------------------

_NAME = r"(?:[^ .(),]+(?: \. [^ .(),]+)*)"

# PreventInTransactionBlock() in PostgreSQL's sources, 13 to 18, as far as the words of a statement show it. What
# hangs on the kind of object (REINDEX of a partitioned table, CLUSTER of one, DROP SUBSCRIPTION with a slot) is left
# to the server.
_OUTSIDE_TRANSACTION = re.compile(
    rf"""CREATE\ (UNIQUE\ )?INDEX\ CONCURRENTLY\b
    | DROP\ INDEX\ CONCURRENTLY\b
    | REINDEX\ (\([^)]*\)\ )?(SCHEMA|DATABASE|SYSTEM)\b
    | REINDEX\ (\([^)]*\)\ )?(INDEX|TABLE)\ CONCURRENTLY\b
    | REINDEX\ \([^)]*\bCONCURRENTLY(\ (TRUE|ON|1|'true'|'on'))?\ [,)]
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
_TRANSACTION_SETTING = re.compile(r"SET TRANSACTION (ISOLATION|READ|DEFERRABLE|NOT)\b")
_INDEX_MADE = re.compile(r"CREATE (UNIQUE )?INDEX CONCURRENTLY\b")

# fmt: off
_MODIFIERS = frozenset((
    "OR", "REPLACE", "UNIQUE", "TEMP", "TEMPORARY", "UNLOGGED", "GLOBAL", "LOCAL", "RECURSIVE", "TRUSTED", "PROCEDURAL",
    "CONSTRAINT", "DEFAULT",
))
_TWO_WORD_OBJECTS = frozenset((
    "MATERIALIZED VIEW", "FOREIGN TABLE", "EVENT TRIGGER", "TEXT SEARCH", "ACCESS METHOD", "OPERATOR CLASS",
    "OPERATOR FAMILY", "USER MAPPING", "DEFAULT PRIVILEGES", "LARGE OBJECT", "FOREIGN DATA",
))
_BEFORE_NAME = frozenset(("IF", "NOT", "EXISTS", "ONLY", "CONCURRENTLY", "INTO", "FROM", "TABLE"))
# fmt: on


@cache
def _lexer() -> Callable[[str], Iterator[tuple[Any, str]]]:
    """Give the lexer of sqlparse: a private one, loaded when the first statement is looked at (it costs 20 ms)."""
    from sqlparse.lexer import Lexer  # noqa: PLC0415

    lexer = Lexer()
    lexer.default_initialization()  # type: ignore[no-untyped-call]
    return lexer.get_tokens


def _words(text: str) -> Iterator[str]:
    for kind, value in _lexer()(text[:_HEAD_CHARACTERS]):
        if "Whitespace" in kind or "Comment" in kind:
            continue
        yield from (value,) if value[0] in "\"'$" else value.split()


@lru_cache(maxsize=4096)
def _first_words(head: str) -> tuple[str, ...]:
    return tuple(islice(_words(head), _HEAD_WORDS))


def words(statement: Statement) -> tuple[str, ...]:
    """Give the first words of a statement as they are written, without white space and comments."""
    return _first_words(statement.text[:_HEAD_CHARACTERS])


def _shape(statement: Statement) -> str:
    """Give the first words in upper case, one blank between, quoted names as ``""``: what the rules look at."""
    return " ".join('""' if word[0] == '"' else word.upper() for word in words(statement))


def runs_in_transaction(statement: Statement) -> bool:
    """Tell whether PostgreSQL takes the statement inside a transaction block, as far as its words show it."""
    return not _OUTSIDE_TRANSACTION.match(_shape(statement))


def verb(statement: Statement) -> str:
    """Give what the statement does in PostgreSQL's words: ``CREATE INDEX``, ``ALTER TABLE``, ``UPDATE``."""
    upper = [word.upper() for word in words(statement)]
    if not upper or upper[0] not in ("CREATE", "ALTER", "DROP", "COMMENT", "SECURITY", "REFRESH"):
        return upper[0] if upper else ""
    rest = [word for word in upper[1:] if word not in _MODIFIERS]
    two = " ".join(rest[:2])
    return " ".join([upper[0], two if two in _TWO_WORD_OBJECTS else "".join(rest[:1])])


def object_name(statement: Statement) -> str | None:
    """Give the name of what the statement works on, as it is written; None where no name is given."""
    rest = list(words(statement))[1:]
    skipped = set(verb(statement).split()) | _MODIFIERS | _BEFORE_NAME
    while rest and rest[0].upper() in skipped:
        rest.pop(0)
    if not rest or rest[0].upper() == "ON" or not (rest[0][0] == '"' or rest[0][0].isalpha() or rest[0][0] == "_"):
        return None
    name = rest.pop(0)
    while len(rest) > 1 and rest[0] == ".":
        name += "." + rest[1]
        rest = rest[2:]
    return name


def describe(statement: Statement) -> str:
    """Give a short name for messages: ``CREATE INDEX orders_customer``."""
    return " ".join(filter(None, (verb(statement), object_name(statement))))


def makes_index_concurrently(statement: Statement) -> bool:
    """Tell whether a failure of the statement leaves an index behind that is marked invalid."""
    return bool(_INDEX_MADE.match(_shape(statement)))


# -- directives --------------------------------------------------------------------------------------------------------

_DURATION = re.compile(r"[0-9]+ ?(us|ms|s|min|h|d)?")
_DIRECTIVES = ("no-transaction", "lock-timeout", "statement-timeout", "irreversible", "allow")
_COMMENT = re.compile(r"--[^\n\r]*|/\*")
_COMMENT_EDGE = re.compile(r"/\*|\*/")
_DIRECTIVE = re.compile(r"--[ \t]*sqlmigrate[ \t]*(?P<colon>:?)[ \t]*(?P<name>[^\s:]*)[ \t]*(?P<value>[^\n\r]*)")
_REASON = re.compile(r"\((?P<why>.*\S.*)\)$")


@dataclass(frozen=True)
class Directive:
    """A comment ``-- sqlmigrate: NAME VALUE``; `above` is the statement it stands right above, if any."""

    name: str
    value: str
    span: Span
    above: Statement | None = None


def _block_comment_end(text: str, start: int) -> int:
    depth = 0
    for edge in _COMMENT_EDGE.finditer(text, start):
        depth += 1 if edge[0] == "/*" else -1
        if not depth:
            return edge.end()
    return len(text)


def _line_comments(text: str, start: int, end: int) -> Iterator[tuple[int, str]]:
    """Give the ``--`` comments of a stretch that holds no statement, with their offsets."""
    while comment := _COMMENT.search(text, start, end):
        if comment[0] == "/*":
            start = _block_comment_end(text, comment.start())
        else:
            yield comment.start(), comment[0]
            start = comment.end()


def _gaps(source: Source, statements: Sequence[Statement]) -> Iterator[tuple[int, int, Statement | None]]:
    """Give the stretches between the statements, each with the statement that follows."""
    start = 0
    for statement in statements:
        yield start, statement.start, statement
        start = statement.data.end if statement.data else statement.end
    yield start, len(source.text), None


def _directives(source: Source, statements: Sequence[Statement]) -> Iterator[Directive | MigrationError]:
    for start, end, following in _gaps(source, statements):
        for offset, comment in _line_comments(source.text, start, end):
            match = _DIRECTIVE.match(comment)
            if not match or not (match["colon"] or match["name"] in _DIRECTIVES):
                continue
            yield _directive(
                source.span(offset, offset + len(comment.rstrip())), match, first=start == 0, above=following
            )


def _directive(span: Span, match: re.Match[str], *, first: bool, above: Statement | None) -> Directive | MigrationError:
    name, value = match["name"], match["value"].strip()
    word = span.source.span(span.start + match.start("name"), span.start + match.end("name"))
    if not match["colon"]:
        return MigrationError("a directive needs a colon", word, hint=f"-- sqlmigrate: {name} {value}".rstrip())
    if name not in _DIRECTIVES:
        near = difflib.get_close_matches(name, _DIRECTIVES, n=1, cutoff=0.5)
        known = f"did you mean `{near[0]}`?" if near else f"known are: {', '.join(_DIRECTIVES)}"
        return MigrationError(f"unknown directive `{name}`", word if name else span, hint=known)
    if problem := _wrong_value(name, value):
        place = span.source.span(span.start + match.start("value"), span.end) if value else span
        return MigrationError(problem[0], place, hint=problem[1])
    if not first and name != "allow":
        return MigrationError(
            f"the directive `{name}` stands behind a statement", span, hint="move it to the head of the file"
        )
    return Directive(name, value, span, above if name == "allow" and not first else None)


def _wrong_value(name: str, value: str) -> tuple[str, str] | None:
    if name == "no-transaction" and value:
        return f"the directive `no-transaction` takes no value, and has `{value}`", "-- sqlmigrate: no-transaction"
    if name.endswith("-timeout") and not _DURATION.fullmatch(value):
        said = f"`{value}` is no duration" if value else f"the directive `{name}` has no duration"
        return said, f"a number and a unit (ms, s, min, h, d): -- sqlmigrate: {name} 5s"
    if name == "irreversible" and value and not _REASON.fullmatch(value):
        return f"the reason `{value}` stands without parentheses", f"-- sqlmigrate: irreversible ({value})"
    if name == "allow" and not re.fullmatch(r"[a-z][a-z-]*[ \t]+\(.*\S.*\)", value):
        return "the directive `allow` needs a rule and a reason", "-- sqlmigrate: allow RULE (why it is meant)"
    return None


# -- a file ------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Script:
    """A file ready to be executed.

    `statements` are those that are sent: the two of a ``BEGIN; … COMMIT;`` around the whole file are not among them.
    `begin` is the statement that opens our transaction, with the options of the file's own. `settings` are the leading
    ``SET TRANSACTION`` statements, which PostgreSQL takes only before any other.
    """

    source: Source
    statements: tuple[Statement, ...]
    mode: Literal["transaction", "statements"]
    begin: str = "begin"
    settings: int = 0
    directives: tuple[Directive, ...] = ()

    def value(self, name: str) -> str | None:
        """Give the value of the directive `name`, an empty text where it has none; None where it is not there."""
        return next((directive.value for directive in self.directives if directive.name == name), None)

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
    found = list(_directives(source, statements))
    errors = [item for item in found if isinstance(item, MigrationError)]
    directives = tuple(item for item in found if isinstance(item, Directive))
    errors += _repeated(directives)
    script = _script(source, statements, directives)
    errors += _faults(script)
    if errors:
        raise gather(errors)
    return script


def _repeated(directives: Sequence[Directive]) -> Iterator[MigrationError]:
    seen: dict[str, Directive] = {}
    for directive in directives:
        if directive.name in seen and directive.name != "allow":
            first = seen[directive.name].span.line
            yield MigrationError(f"the directive `{directive.name}` stands here and in line {first}", directive.span)
        seen.setdefault(directive.name, directive)


def _script(source: Source, statements: tuple[Statement, ...], directives: tuple[Directive, ...]) -> Script:
    if any(directive.name == "no-transaction" for directive in directives):
        return Script(source, statements, "statements", directives=directives)
    if len(statements) == 1 and not runs_in_transaction(statements[0]):
        return Script(source, statements, "statements", directives=directives)
    begin = "begin"
    wrapped = len(statements) > 1 and _BEGINS.match(_shape(statements[0])) and _COMMITS.match(_shape(statements[-1]))
    if wrapped:
        begin = "begin" + _begin_options(statements[0])
        statements = statements[1:-1]
    settings = 0
    while settings < len(statements) and _TRANSACTION_SETTING.match(_shape(statements[settings])):
        settings += 1
    return Script(source, statements, "transaction", begin, settings, directives)


def _begin_options(statement: Statement) -> str:
    options = _BEGINS.match(_shape(statement))
    return options["options"].lower() if options else ""


def _faults(script: Script) -> Iterator[MigrationError]:
    for statement in script.statements:
        shape = _shape(statement)
        if _BEGINS.match(shape) or _ENDS.match(shape):
            yield _own_transaction(statement, script.mode)
        elif script.mode == "transaction" and _OUTSIDE_TRANSACTION.match(shape):
            yield MigrationError(
                f"`{_keywords(statement)}` runs in no transaction, and stands beside other statements",
                _first_word(statement),
                hint="give it a file of its own, or let every statement of this file run on its own, "
                "recorded one by one: -- sqlmigrate: no-transaction",
            )
    if "read only" in script.begin:
        yield MigrationError(
            "a migration cannot be executed in a READ ONLY transaction: its history row is written in the same one",
            script.source.span(0, 0),
        )


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
    match = _OUTSIDE_TRANSACTION.match(_shape(statement)) or _BEGINS.match(_shape(statement))
    if match and match.re is _OUTSIDE_TRANSACTION and len(match[0]) < 40:  # noqa: PLR2004 - what reads as a name
        return match[0].strip()
    return " ".join(word.upper() for word in words(statement)[:2] if word[0] not in "\"'(")


def _first_word(statement: Statement) -> Span:
    return statement.source.span(statement.start)
