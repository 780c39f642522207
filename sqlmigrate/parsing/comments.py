"""SQL comments: ``--`` up to the end of the line, and ``/* … */``, which can be nested.

https://www.postgresql.org/docs/current/sql-syntax-lexical.html#SQL-SYNTAX-COMMENTS
"""

from __future__ import annotations

import re
from collections.abc import Iterator

COMMENT = re.compile(r"--[^\n\r]*|/\*")
"""A whole line comment, or the start of a block comment."""

_SOMETHING = re.compile(r"[^\s;\ufeff]")
_EDGE = re.compile(r"/\*|\*/")


def has_sql(text: str) -> bool:
    """Tell whether a text holds anything but white space, comments and semicolons."""
    start = 0
    while (found := _SOMETHING.search(text, start)) is not None:
        comment = COMMENT.match(text, found.start())
        if comment is None:
            return True
        start = comment_end(text, comment)
    return False


def head(text: str) -> str:
    """Return the beginning of a text, up to its first statement."""
    start = 0
    while (found := _SOMETHING.search(text, start)) is not None:
        comment = COMMENT.match(text, found.start())
        if comment is None:
            return text[: found.start()]
        start = comment_end(text, comment)
    return text


def block_end(text: str, start: int) -> int:
    """Return the end of the block comment that starts at `start`; 0 if it is never closed."""
    depth = 0
    for edge in _EDGE.finditer(text, start):
        depth += 1 if edge[0] == "/*" else -1
        if not depth:
            return edge.end()
    return 0


def comment_end(text: str, comment: re.Match[str]) -> int:
    """Return the end of the comment found by `COMMENT`; the end of the text if it is never closed."""
    return comment.end() if comment[0] != "/*" else block_end(text, comment.start()) or len(text)


def comments(text: str, start: int, end: int) -> Iterator[tuple[int, str]]:
    """Yield the comments between two offsets, each with its offset. There may be no strings and names between them."""
    while comment := COMMENT.search(text, start, end):
        start = comment_end(text, comment)
        yield comment.start(), text[comment.start() : start]
