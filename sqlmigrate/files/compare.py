"""How a file differs from the text that was executed: the kind of change, and a short unified diff.

Line endings, a byte order mark and a trailing newline are no change at all: the checksum does not see them either.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterator

from sqlmigrate.errors import MigrationError
from sqlmigrate.parsing.splitter import split
from sqlmigrate.parsing.tokens import tokens
from sqlmigrate.source import Source

from .migration import normalized

_MOST_LINES = 20


def _significant(text: str) -> list[str]:
    """Give what is neither white space nor a comment: words, and data of COPY whole; of no SQL the text as it is."""
    found, position = [], 0
    try:
        for statement in split(Source("", text)):
            if data := statement.data:
                found += [*_words(text[position : data.start]), data.text]
                position = data.end
    except MigrationError:
        return [text]
    return [*found, *_words(text[position:])]


def _words(text: str) -> Iterator[str]:
    return (token.text for token in tokens(text) if token.kind not in ("blank", "comment"))


def kind(executed: str, now: str) -> str:
    """Say what was changed: ``SQL``, or ``white space or comments alone``."""
    same = _significant(normalized(executed)) == _significant(normalized(now))
    return "white space or comments alone" if same else "SQL"


def difference(executed: str, now: str) -> list[str]:
    """Give a unified diff of the executed text and the file, without its head, at most 20 lines long."""
    lines = list(
        difflib.unified_diff(normalized(executed).splitlines(), normalized(now).splitlines(), n=1, lineterm="")
    )[2:]
    if len(lines) > _MOST_LINES:
        lines = [*lines[:_MOST_LINES], f"… {len(lines) - _MOST_LINES} lines more"]
    return lines
