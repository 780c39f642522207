"""The base is built from old files as well as it can be: what today's checks refuse is taken out of the copy."""

from __future__ import annotations

import pytest

from sqlmigrate.files.migration import Migration
from sqlmigrate.shadow.executable_files import LeftOut, executable
from sqlmigrate.source import Source


def migration(text: str, version: str = "001", name: str = "old") -> Migration:
    return Migration(version, name, Source(f"sql/{version}_{name}.up.sql", text))


CASES = {
    "an index CONCURRENTLY among others": (
        "create table a (id int);\ncreate index concurrently i on a (id);",
        "create table a (id int);\ncreate index              i on a (id);",
        [],
    ),
    "COMMIT in the middle": (
        "create table a (id int);\ncommit;\ncreate table b (id int);",
        "create table a (id int);\n      ;\ncreate table b (id int);",
        [],
    ),
    "both directions": (
        "create table a (id int);\n-- migrate:down\ndrop table a;",
        "create table a (id int);\n               \n             ",
        [],
    ),
    "VACUUM": ("create table a (id int);\nvacuum a;", "create table a (id int);\n        ;", []),
    "an unknown directive": ("-- sqlmigrate: no-such\nselect 1;", "                      \nselect 1;", []),
    "a database": (
        "create table a (id int);\ncreate database reports;",
        "create table a (id int);\n                       ;",
        ["line 2: `create database reports …` cannot run in a transaction"],
    ),
    "psql": (
        "create table a (id int);\n\\i more.sql\ncreate table b (id int);",
        "create table a (id int);\n           \ncreate table b (id int);",
        ["line 2: `\\i` is a psql command, not SQL"],
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_what_cannot_be_executed_is_taken_out(name: str) -> None:
    """Lines and columns stay, and what the schema may lack now is told."""
    text, expected, reasons = CASES[name]

    files = executable([migration(text)])

    assert [each.up.text for each in files.migrations] == [expected]
    assert [each.reason for each in files.left_out] == reasons
    assert files.mended == {"001_old"}


def test_two_files_of_one_version_are_executed_one_after_the_other() -> None:
    """The history would refuse the second one."""
    files = executable(
        [migration("select 1;", name="a"), migration("select 2;", name="b"), migration("select 3;", "2")]
    )

    assert [(each.label, each.up.text) for each in files.migrations] == [
        ("001_a", "select 1;\n;\nselect 2;"),
        ("2_old", "select 3;"),
    ]


def test_a_file_without_a_text_is_left_out() -> None:
    """Its bytes are no text."""
    broken = Migration("001", "old", Source("sql/001_old.up.sql", ""), is_read=False)

    assert executable([broken]).left_out == (LeftOut("001_old", "its file cannot be read"),)
