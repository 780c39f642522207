"""Texts that the server would read differently from how they are written: refused with their place."""

from __future__ import annotations

import pytest

from sqlmigrate.errors import MigrationError
from sqlmigrate.parsing.script import read
from sqlmigrate.source import Source


def faults(text: str) -> list[str]:
    """Return the place of each fault of a file, with its message."""
    try:
        read(Source("sql/001_a.up.sql", text))
    except MigrationError as error:
        return [str(each) for each in (error, *error.others)]
    return []


@pytest.mark.parametrize("name", ["'LATIN1'", "'sql_ascii'", "e'EUC_JP'", "win1252"])
def test_data_in_another_encoding_are_refused(name: str) -> None:
    """The data of a COPY are in the file, so they are UTF-8, whatever the option says."""
    plain = name.strip("e'")
    assert faults(f"select 1;\ncopy t from stdin (format text, encoding {name});\nMüller\n\\.\n") == [
        f"sql/001_a.up.sql:2:33: the data of this COPY are in this file, which is UTF-8, but the option says {plain}"
    ]


@pytest.mark.parametrize(
    "text",
    [
        "copy t from stdin (encoding 'UTF8');\nMüller\n\\.\n",
        "copy t from stdin (encoding 'utf-8');\nMüller\n\\.\n",
        "copy t from stdin (encoding 'LATIN1');\nMuller\n\\.\n",
        "copy t from '/data/t' (encoding 'LATIN1');",
        "copy encoding from stdin;\nMüller\n\\.\n",
    ],
)
def test_other_data_are_accepted(text: str) -> None:
    """UTF-8 is named, all data are ASCII, or they are not in the file."""
    assert faults(text) == []


OFF = [
    "set standard_conforming_strings = off",
    "SET standard_conforming_strings TO 'off'",
    "set session standard_conforming_strings to false",
    "set local standard_conforming_strings = 0",
    "select set_config('standard_conforming_strings', 'off', false)",
    "select pg_catalog.set_config('standard_conforming_strings', 'no', true)",
]


@pytest.mark.parametrize("off", OFF)
def test_a_backslash_that_would_be_an_escape_is_refused(off: str) -> None:
    """The place is the backslash; the line of the setting is named."""
    assert faults(f"select 1;\n{off};\ninsert into t values ('a\\b');\nselect 2;") == [
        "sql/001_a.up.sql:3:25: line 2 turns standard_conforming_strings off, so this backslash would be an escape"
    ]


@pytest.mark.parametrize(
    "text",
    [
        f"{OFF[0]};\nselect 'ab', E'a\\\\b', $$a\\b$$; -- \\",
        f"{OFF[0]};\nset standard_conforming_strings = on;\nselect 'a\\b';",
        "set standard_conforming_strings = on;\nselect 'a\\b';",
        f"{OFF[0]};\ncopy t from stdin;\na\\tb\n\\.\n",
    ],
)
def test_other_backslashes_are_accepted(text: str) -> None:
    """In E strings, dollar quotes, comments and data of COPY, and wherever the setting is on."""
    assert faults(text) == []
