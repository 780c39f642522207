"""A file in which statements are changed or removed: everything else stays as it is."""

from __future__ import annotations

import pytest

from sqlmigrate.parsing.script import Script
from sqlmigrate.parsing.splitter import split
from sqlmigrate.review.advice.edited import edited, without_directive
from sqlmigrate.source import Source


def script(text: str) -> Script:
    source = Source("sql/001_a.up.sql", text)
    return Script(source, tuple(split(source)), "transaction")


BODY = "create function f() returns int language sql as $$\n\n\n-- a comment\n\n\n\nselect 1\n$$;\n"
STRING = "insert into t values ('a\n\n\n\n-- b');\n"
DATA = "copy t from stdin;\na\n\n\n\n-- b\n\\.\n"


@pytest.mark.parametrize("kept", [BODY, STRING, DATA])
def test_a_string_a_body_and_data_stay_as_they_are(kept: str) -> None:
    """Their empty lines and what looks like a comment stay, whichever statement around them goes."""
    assert edited(script(f"{kept}drop table a;\n"), {2: ""}) == kept
    assert edited(script(f"drop table a;\n{kept}"), {1: ""}) == kept
    assert edited(script(f"drop table a;\n{kept}drop table b;\n"), {3: "drop view b"}) == (
        f"drop table a;\n{kept}drop view b;\n"
    )


def test_one_empty_line_is_left_where_a_statement_was() -> None:
    """The comments of a removed statement go with it; other empty lines stay."""
    text = "select 1;\n\n-- why\nselect 2; -- that\n\n\nselect 3;\n\n\n\nselect 4;\n"

    assert edited(script(text), {2: ""}) == "select 1;\n\nselect 3;\n\n\n\nselect 4;\n"
    assert edited(script(text), {2: "", 3: ""}) == "select 1;\n\nselect 4;\n"
    assert edited(script(text), {1: "", 2: ""}) == "select 3;\n\n\n\nselect 4;\n"


def test_the_data_of_a_removed_copy_go_with_it() -> None:
    """Without their COPY they would be statements."""
    assert edited(script(f"select 1;\n{DATA}select 2;\n"), {2: ""}) == "select 1;\nselect 2;\n"


def test_a_directive_is_not_looked_for_in_strings() -> None:
    """A body may have a line that looks like one."""
    line = "-- sqlmigrate: lock-timeout 5s\n"

    assert without_directive(f"{line}do $$\n{line}$$;\n", "lock-timeout") == f"do $$\n{line}$$;\n"
