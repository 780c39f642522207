"""A reviewed file with other statements in the place of some of its own.

All other statements stay as they are, character by character: a string or a function body may have empty lines, or
lines that look like a comment.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from sqlmigrate.files.migration import normalized
from sqlmigrate.parsing.script import Script
from sqlmigrate.parsing.statement import Statement
from sqlmigrate.parsing.tokens import with_replaced

_COMMENTS_ABOVE = re.compile(r"(?:^[ \t]*--[^\n]*\n)+\Z", re.MULTILINE)
_REST_OF_LINE = re.compile(r"[ \t]*;?[ \t]*(?:--[^\n\r]*)?(?:\r?\n|\Z)|[ \t]*;?[ \t]*")
_END_OF_DATA = re.compile(r"\\\.(?:\r?\n|\Z)")
_FOR_THE_FILE = re.compile(r"--\s*sqlmigrate\s*:?\s*(?:no-transaction|lock-timeout|statement-timeout|irreversible)")
# What is before it in a new text goes above the comments of the statement.
BEFORE_COMMENTS = "\f"
_LINE_END = "\n"
NO_TRANSACTION = "-- sqlmigrate: no-transaction\n"


def edited(script: Script, instead: Mapping[int, str]) -> str:
    """Return the text of a file in which some statements are others.

    Args:
        script: The file.
        instead: The new text by the number of a statement, from 1. An empty text removes it, with its comments.

    Returns the empty string if no statement is left.
    """
    statements, text = script.statements, script.source.text
    if all(instead.get(number) == "" for number in range(1, len(statements) + 1)):
        return ""
    made = []
    starts = [*(each.start for each in statements[1:]), len(text)]
    between = text[: statements[0].start]
    for number, (statement, following) in enumerate(zip(statements, starts, strict=True), 1):
        new = instead.get(number, statement.text)
        if not new:
            between = _joined(_without_comments(between), text[_end_of_line(statement) : following])
            continue
        if number in instead:
            above, has_above, new = new.rpartition(BEFORE_COMMENTS)
            kept = _without_comments(between)
            between = f"{kept}{above}{between[len(kept) :]}" if has_above else between
            new = new.rstrip().removesuffix(";")
        made += [between, new]
        between = text[statement.end : following]
    return normalized("".join([*made, between]).strip("\n"))


def _end_of_line(statement: Statement) -> int:
    """Return the offset after a statement, its data, and a comment behind it."""
    text = statement.source.text
    if statement.data is not None and (end := _END_OF_DATA.match(text, statement.data.end)):
        return end.end()
    rest = _REST_OF_LINE.match(text, statement.end)
    return rest.end() if rest else statement.end


def _joined(before: str, after: str) -> str:
    """Join what was before and after a removed statement, with one empty line at most where it was."""
    before, after = (each.replace("\r\n", "\n") for each in (before, after))
    head, tail = before.rstrip("\n"), after.lstrip("\n")
    ends = len(before) - len(head) + len(after) - len(tail)
    return f"{head}{_LINE_END * min(ends, 2)}{tail}"


def _without_comments(text: str) -> str:
    """Leave out the comments right above, except directives that are about the whole file."""
    above = _COMMENTS_ABOVE.search(text)
    if above is None:
        return text
    kept = [line for line in above[0].splitlines(keepends=True) if _FOR_THE_FILE.match(line.strip())]
    return text[: above.start()] + "".join(kept)


def without_directive(text: str, name: str) -> str:
    """Return the text of a file without the lines of a directive."""
    directive = re.compile(rf"^[ \t]*--\s*sqlmigrate\s*:?\s*{name}\b.*\n", re.MULTILINE)
    return with_replaced(text, directive, "", "string", "body")
