"""A reviewed file with other statements in the place of some of its own."""

from __future__ import annotations

import re
from collections.abc import Mapping

from sqlmigrate.files.migration import normalized
from sqlmigrate.parsing.script import Script

_COMMENTS_ABOVE = re.compile(r"(?:^[ \t]*--[^\n]*\n)+\Z", re.MULTILINE)
_REST_OF_LINE = re.compile(r"[ \t]*;?[ \t]*(?:--[^\n\r]*)?(?:\r?\n|\Z)|[ \t]*;?[ \t]*")
_FOR_THE_FILE = re.compile(r"--\s*sqlmigrate\s*:?\s*(?:no-transaction|lock-timeout|statement-timeout|irreversible)")
# What is before it in a new text goes above the comments of the statement.
BEFORE_COMMENTS = "\f"
NO_TRANSACTION = "-- sqlmigrate: no-transaction\n"
_EMPTY_LINES = re.compile(r"\n{3,}")


def edited(script: Script, instead: Mapping[int, str]) -> str:
    """Return the text of a file in which some statements are others.

    Args:
        script: The file.
        instead: The new text by the number of a statement, from 1. An empty text removes it, with its comments.

    Returns the empty string if no statement is left.
    """
    text = script.source.text
    left = [number for number in range(1, len(script.statements) + 1) if instead.get(number) != ""]
    if not left:
        return ""
    for number in sorted(instead, reverse=True):
        statement = script.statements[number - 1]
        above, has_above, new = instead[number].rpartition(BEFORE_COMMENTS)
        if instead[number]:
            head = text[: statement.start]
            kept = _without_comments(head)
            head = f"{kept}{above}{head[len(kept) :]}" if has_above else head
            text = head + new.rstrip().removesuffix(";") + text[statement.end :]
        else:
            rest = _REST_OF_LINE.match(text, statement.end)
            text = _without_comments(text[: statement.start]) + text[rest.end() if rest else statement.end :]
    return _EMPTY_LINES.sub("\n\n", normalized(text).strip("\n")) + "\n"


def _without_comments(text: str) -> str:
    """Leave out the comments right above, except directives that are about the whole file."""
    above = _COMMENTS_ABOVE.search(text)
    if above is None:
        return text
    kept = [line for line in above[0].splitlines(keepends=True) if _FOR_THE_FILE.match(line.strip())]
    return text[: above.start()] + "".join(kept)


def without_directive(text: str, name: str) -> str:
    """Return the text of a file without the lines of a directive."""
    return re.sub(rf"(?m)^[ \t]*--\s*sqlmigrate\s*:?\s*{name}\b.*\n", "", text)
