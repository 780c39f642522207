"""PostgreSQL's refusal of a statement, with its place in the file.

PostgreSQL often names no position: not for a constraint on a missing column, a missing table that is referenced, a
duplicate key while an index is built. Then the place is the one spot in the statement that carries a name from the
error's own fields (https://www.postgresql.org/docs/current/protocol-error-fields.html).
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import psycopg
from psycopg.errors import Diagnostic

from .errors import StatementError
from .source import Span
from .split import Statement

_QUOTED = re.compile(r'"((?:[^"]|"")+)"')
_FOREIGN_KEY_VIOLATION = "23503"
_KEY = re.compile(r"^Key \((.+?)\)=")
_IN_DO_BLOCK = re.compile(r"PL/pgSQL function inline_code_block line (\d+)")
_COPY_LINE = re.compile(r"COPY .+?, line (\d+)")
_PASSED_OVER = r"--[^\n\r]*|/\*.*?\*/|'(?:[^']|'')*'"
_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")


def refused(error: psycopg.Error, statement: Statement) -> StatementError:
    """Make the error of a statement of a file, with the place that is meant."""
    return unplaced(error, _place(error.diag, statement))


def unplaced(error: psycopg.Error, span: Span | None = None) -> StatementError:
    """Make the error of what stands in no file, or at a place that is known."""
    message = error.diag.message_primary or " ".join(str(error).split()) or type(error).__name__
    return StatementError(message, span, fields=tuple(_fields(error)), sqlstate=error.sqlstate)


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
        yield "code", f"{error.sqlstate} {condition_name(error)}"


def condition_name(error: psycopg.Error) -> str:
    """Give the condition's name as PostgreSQL's appendix of error codes spells it: ``undefined_column``."""
    return _CAMEL.sub("_", type(error).__name__).lower()


def _place(diagnostic: Diagnostic, statement: Statement) -> Span:
    source = statement.source
    if diagnostic.statement_position and not diagnostic.internal_query:
        return source.span(min(statement.start + int(diagnostic.statement_position) - 1, statement.end))
    context = diagnostic.context or ""
    if statement.data and (line := _COPY_LINE.search(context)):
        return _data_line(statement.data, int(line[1]))
    if line := _IN_DO_BLOCK.search(context):
        return _block_line(statement, int(line[1]))
    for name in _names(diagnostic):
        if found := _find(name, statement):
            return found
    return source.span(statement.start)


def _names(diagnostic: Diagnostic) -> Iterator[str]:
    """Give the names that may stand in the statement, the most telling first."""
    yield from filter(None, (diagnostic.constraint_name, diagnostic.column_name))
    primary = diagnostic.message_primary or ""
    yield from (name.replace('""', '"').rpartition(".")[2] for name in _QUOTED.findall(primary))
    if diagnostic.sqlstate == _FOREIGN_KEY_VIOLATION and diagnostic.table_name:
        yield diagnostic.table_name  # its detail names columns of the other table
    if key := _KEY.match(diagnostic.message_detail or ""):
        yield from (name.strip(' "') for name in key[1].split(","))
    yield from filter(None, (diagnostic.table_name, diagnostic.datatype_name, diagnostic.schema_name))


def _find(name: str, statement: Statement) -> Span | None:
    quoted = re.escape('"' + name.replace('"', '""') + '"')
    plain = rf"(?<![\w$\"]){re.escape(name)}(?![\w$\"])"
    for match in re.finditer(f"{_PASSED_OVER}|(?P<name>{quoted}|{plain})", statement.text, re.IGNORECASE | re.DOTALL):
        if match["name"]:
            return statement.source.span(statement.start + match.start(), statement.start + match.end())
    return None


def _line_span(span: Span, number: int) -> Span:
    """Give line `number` of a span, from 1, without the white space around it."""
    lines = re.compile(r"[^\r\n]*(?:\r\n|\n|\r|$)").finditer(span.text)
    for current, line in enumerate(lines, start=1):
        if current == number:
            text = line[0]
            start = span.start + line.start() + len(text) - len(text.lstrip())
            return span.source.span(start, max(start, span.start + line.start() + len(text.rstrip())))
    return span.source.span(span.start)


def _data_line(data: Span, number: int) -> Span:
    return _line_span(data, number)


def _block_line(statement: Statement, number: int) -> Span:
    """Give the line of a ``DO`` block that PL/pgSQL counts as `number`: it begins behind the opening quote."""
    opener = re.search(r"\$\w*\$|'", statement.text)
    start = statement.start + (opener.end() if opener else 0)
    return _line_span(statement.source.span(start, statement.end), number)
