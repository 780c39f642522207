"""The text of statements that put something back: for a DBA to read, and to choose from."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from .created import Statement

_HEAD = """\
-- These statements make the schema what it was. Read them before you execute any: none was executed.
-- What creates, changes or drops tables, columns or sequences is commented out: rows may be lost.
"""


def script(statements: Iterable[Statement]) -> str:
    """Return statements as a text that can be executed; those that touch what holds data are commented out."""
    return "\n".join([_HEAD, *map(_written, statements)])


def _written(statement: Statement) -> str:
    if statement.is_comment:
        return f"{statement.sql}\n"
    text = f"{statement.sql};"
    return "\n".join(_lines(text) if statement.holds_data else [text]) + "\n"


def _lines(text: str) -> Iterator[str]:
    for line in text.splitlines():
        yield line if line.startswith("--") else f"-- {line}"
