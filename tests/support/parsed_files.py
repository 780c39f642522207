"""Files of one migration, read: its script, its statement, or its faults as lines of text."""

from __future__ import annotations

import pytest

from sqlmigrate.errors import MigrationError
from sqlmigrate.parsing.script import Script, read
from sqlmigrate.parsing.statement import Statement
from sqlmigrate.source import Source

PATH = "sql/001_a.up.sql"


def script(text: str) -> Script:
    """Read a text as a file."""
    return read(Source(PATH, text))


def statement(text: str) -> Statement:
    """Read a text that is one statement."""
    (only,) = read(Source(PATH, f"-- sqlmigrate: no-transaction\n{text}")).statements
    return only


def faults(text: str) -> list[str]:
    """Return every fault of a file with its place, the words at that place, and its hint."""
    with pytest.raises(MigrationError) as caught:
        script(text)
    return [
        f"{one.span.line}:{one.span.column} [{one.span.text}] {one.message}" + (f" → {one.hint}" if one.hint else "")
        for one in (caught.value, *caught.value.others)
        if one.span
    ]
