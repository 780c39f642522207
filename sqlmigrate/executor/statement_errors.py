"""Makes errors of what PostgreSQL refused, with the place in the file.

PostgreSQL often names no position: not for a constraint on a missing column, a missing table that is referenced, a
duplicate key while an index is built. Then the place is where the statement has a name from the error's own fields
(https://www.postgresql.org/docs/current/protocol-error-fields.html).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

import psycopg
from psycopg.errors import Diagnostic

from sqlmigrate.database import pooler_messages
from sqlmigrate.database.session import NotSent
from sqlmigrate.errors import StatementError
from sqlmigrate.files.on_disk import line_on_disk
from sqlmigrate.identifiers import last_part, literal
from sqlmigrate.parsing.blemishes import suspicious
from sqlmigrate.parsing.statement import Statement
from sqlmigrate.parsing.tokens import blanked, tokens
from sqlmigrate.source import Source, Span

_QUOTED = re.compile(r'"((?:[^"]|"")+)"')
# Names without quotes in a message: `cannot drop column a of table t because …`, `function f(int) does not exist`
_UNQUOTED = re.compile(
    r"cannot drop (?:\w+ (\S+) (?:of|on) )?(?:[a-z]+ )+?([^\s(]+)(?:\(.*\))? because "
    r"|(?:function|procedure|aggregate) ([^\s(]+)\("
)
_WRONG_WORDS = "42"  # the class of syntax errors and of names that do not exist
_FOREIGN_KEY_VIOLATION = "23503"
# The functions in the server that refuse what cannot run in a transaction, or in one that has written something.
_IN_TRANSACTION_BLOCK = ("PreventInTransactionBlock", "CreateInitDecodingContext")
OUTSIDE = "let each statement of the file run and be recorded on its own: -- sqlmigrate: no-transaction"
_NAME_A_PARTITIONED = ("REINDEX", "CLUSTER")  # their context is the partitioned table, not a function
_INSIDE_FUNCTION = "write it as a statement of its own, outside of functions, with: -- sqlmigrate: no-transaction"
_KEY = re.compile(r"^Key \((.+?)\)=")
_IN_DO_BLOCK = re.compile(r"^PL/pgSQL function inline_code_block line (\d+)", re.MULTILINE)
_IN_FUNCTION = re.compile(r"^(?:PL/pgSQL|SQL) function (?!inline_code_block )(.+?)\(", re.MULTILINE)
_IS_DO_BLOCK = re.compile(r"do\b", re.IGNORECASE)
_COPY_LINE = re.compile(r"COPY .+?, line (\d+)")
_OF_SHARD = re.compile(r"_\d{6,}$")  # Citus adds the number of the shard: `orders_pkey_102008`
_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")


def refused(error: psycopg.Error, statement: Statement) -> StatementError:
    """Make the error of a statement that PostgreSQL refused, or whose data could not be read, with its place."""
    if isinstance(error, NotSent):
        return StatementError(error.why.message, statement.span, detail=error.why.detail)
    made = unplaced(error, _place(error.diag, statement))
    if made.hint == OUTSIDE and error.diag.context and statement.kind.verb not in _NAME_A_PARTITIONED:
        return made.with_(hint=_INSIDE_FUNCTION)
    if (error.sqlstate or "").startswith(_WRONG_WORDS) and (seen := suspicious(statement)):
        return made.with_(hint=seen)
    return made


def at_commit(error: psycopg.Error, statements: Sequence[Statement], source: Source) -> StatementError:
    """Make the error of a COMMIT: a deferred constraint, or a deferred trigger of the user's.

    Its place is the last statement that has a name of the error, or the first that has the name of the function that
    failed. If the server names a position, it is one in a statement of our own, and is not shown.
    """
    if error.diag.statement_position:
        return unplaced(error, source.span(0, 0))
    for statement in reversed(statements):
        placed = refused(error, statement)
        if placed.span and placed.span.start != statement.start:
            return placed
    functions = [last_part(name) for name in _IN_FUNCTION.findall(error.diag.context or "")]
    places = (find_name(name, statement) for name in functions for statement in statements)
    return unplaced(error, next(filter(None, places), source.span(0, 0)))


def unplaced(error: psycopg.Error, span: Span | None = None) -> StatementError:
    """Make the error of a request that is not in a file, or whose place is known."""
    message = error.diag.message_primary or " ".join(str(error).split()) or type(error).__name__
    hint = pooler_messages.cure_of(message) if _is_connection(error) else None
    if error.diag.source_function in _IN_TRANSACTION_BLOCK:
        hint = OUTSIDE
    fields, named = tuple(_fields(error)), tuple(_named(error.diag))
    return StatementError(message, span, fields=fields, sqlstate=error.sqlstate, named=named, hint=hint)


def _is_connection(error: psycopg.Error) -> bool:
    """Tell whether an error is one of the connection; a pooler reports its own as such (08P01)."""
    return (error.sqlstate or "08").startswith("08")


def _fields(error: psycopg.Error) -> Iterator[tuple[str, str]]:
    diagnostic = error.diag
    named = (
        ("detail", diagnostic.message_detail),
        ("hint", diagnostic.message_hint),
        ("query", diagnostic.internal_query),
        ("context", diagnostic.context),
    )
    yield from ((name, value) for name, value in named if value)
    if error.sqlstate:
        yield "code", f"{error.sqlstate} {condition_name(error)}".rstrip()


def _named(diagnostic: Diagnostic) -> Iterator[tuple[str, str]]:
    named = (
        ("schema", diagnostic.schema_name),
        ("table", diagnostic.table_name),
        ("column", diagnostic.column_name),
        ("constraint", diagnostic.constraint_name),
        ("datatype", diagnostic.datatype_name),
    )
    return ((kind, name) for kind, name in named if name)


def condition_name(error: psycopg.Error) -> str:
    """Give the name of the code in PostgreSQL's list of error codes, ``undefined_column``; empty if it has none."""
    if type(error).sqlstate != error.sqlstate:  # a user's own code: psycopg knows only its class
        return ""
    return _CAMEL.sub("_", type(error).__name__).lower()


def _place(diagnostic: Diagnostic, statement: Statement) -> Span:
    source = statement.source
    if diagnostic.statement_position and not diagnostic.internal_query:
        return source.span(min(statement.start + int(diagnostic.statement_position) - 1, statement.end))
    context = diagnostic.context or ""
    if statement.data and (line := _COPY_LINE.search(context)):
        if on_disk := statement.on_disk:
            found = line_on_disk(source, on_disk, int(line[1]))
            return _line_span(found, 1) if found else source.span(statement.start)
        return _line_span(statement.data, int(line[1]))
    if _IS_DO_BLOCK.match(statement.text) and (line := _IN_DO_BLOCK.search(context)):
        return _in_block(statement, int(line[1]), diagnostic if line.start() == 0 else None)
    for name in _names(diagnostic):
        if found := find_name(name, statement) or find_name(_OF_SHARD.sub("", name), statement):
            return found
    return source.span(statement.start)


def _names(diagnostic: Diagnostic) -> Iterator[str]:
    """Give the names of the error that may stand in the statement, the most precise first."""
    yield from filter(None, (diagnostic.constraint_name, diagnostic.column_name))
    primary = diagnostic.message_primary or ""
    for name in _QUOTED.findall(primary):
        yield from _spellings(name)
    if unquoted := _UNQUOTED.match(primary):
        yield from (last_part(name) for name in unquoted.groups() if name)
    if diagnostic.sqlstate == _FOREIGN_KEY_VIOLATION and diagnostic.table_name:
        yield diagnostic.table_name  # its detail names columns of the other table
    detail = diagnostic.message_detail or ""
    if key := _KEY.match(detail):
        yield from (name.strip(' "') for name in key[1].split(","))
    yield from filter(None, (diagnostic.table_name, diagnostic.datatype_name, diagnostic.schema_name))
    for name in _QUOTED.findall(detail):
        yield from _spellings(name)


def _spellings(name: str) -> Iterator[str]:
    """Give what a name between quotes of a message may mean: one name with dots in it, or a qualified one."""
    whole = name.replace('""', '"')
    yield whole
    yield whole.rpartition(".")[2]


def find_name(name: str, statement: Statement) -> Span | None:
    """Find a name in the statement; failing that, a string that is the name: a label, the value of a setting."""
    quoted = re.escape('"' + name.replace('"', '""') + '"')
    plain = rf"(?<![\w$\"]){re.escape(name)}(?![\w$\"])"
    names = re.compile(f"{quoted}|{plain}", re.IGNORECASE)
    if found := names.search(blanked(statement.text, "comment", "string", "body")):
        return statement.source.span(statement.start + found.start(), statement.start + found.end())
    string = literal(name)
    for kind, start, text in tokens(statement.text):
        if kind == "string" and text.lower() == string.lower():
            return statement.source.span(statement.start + start, statement.start + start + len(text))
    return None


def _line_span(span: Span, number: int, line_end: str = r"\r\n|\n|\r") -> Span:
    """Give line `number` of a span, from 1, without the white space around it; its start if there is no such line."""
    start = span.start
    for _ in range(number - 1):
        ends = re.compile(line_end).search(span.source.text, start, span.end)
        if not ends:
            return span.source.span(span.start)
        start = ends.end()
    ends = re.compile(line_end).search(span.source.text, start, span.end)
    text = span.source.text[start : ends.start() if ends else span.end]
    start += len(text) - len(text.lstrip())
    return span.source.span(start, start + len(text.strip()))


def _in_block(statement: Statement, number: int, diagnostic: Diagnostic | None) -> Span:
    r"""Give the place in a ``DO`` block: line `number`, as PL/pgSQL counts, or the word in it that is wrong.

    The first line is the rest of the line behind the opening quote. Only ``\n`` ends a line, as in PL/pgSQL's own
    ``plpgsql_latest_lineno``.
    """
    start = statement.start + _body_start(statement.text)
    line = _line_span(statement.source.span(start, statement.end), number, "\n")
    query, position = (diagnostic.internal_query, diagnostic.internal_position) if diagnostic else (None, None)
    found = statement.source.text.find(query, line.start, statement.end) if query and position else -1
    return line if found < 0 else statement.source.span(found + int(position or 1) - 1)


def _body_start(block: str) -> int:
    """Return the offset of the first character of a ``DO`` block's code, which may be given in any kind of string."""
    before = ""
    for kind, start, text in tokens(block):
        if kind in ("string", "body") and before != "language":
            return start + (text.index("$", 1) if kind == "body" else text.index("'")) + 1
        if kind not in ("blank", "comment"):
            before = text.lower()
    return 0


# What to do, by the beginning of the SQLSTATE; the longest that fits counts. https://www.postgresql.org/docs/current/errcodes-appendix.html
_CURES = {
    "08": "wait until the server can be reached",
    "23": "fix the file or the data",
    "25P03": "raise idle_in_transaction_session_timeout for this role",
    "25P04": "raise transaction_timeout for this role, or split the file in two",
    "40": "wait until the other sessions are done",
    "42501": "grant the role that right, or fix the file",
    "53": "wait until the server has room again",
    "53400": "raise that limit, or fix the file",
    "55P03": "wait until the other sessions are done",
    "57014": "find out who or what cancelled it (a statement_timeout?)",
    "57P05": "raise idle_session_timeout for this role",
    "57P": "wait until the server can be reached",
    "58": "find out what the server's log says",
    "XX000": "fix the file, or find out what the server's log says",  # Citus: for ordinary mistakes, with a hint
    "XX": "find out what the server's log says",
}


def cure(sqlstate: str | None, otherwise: str = "fix the file") -> str:
    """Say what to do before the next try; `otherwise` if the code does not tell."""
    fitting = [start for start in _CURES if (sqlstate or "").startswith(start)]
    return _CURES[max(fitting, key=len)] if fitting else otherwise
