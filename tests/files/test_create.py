"""`create` as a user calls it: a new pair of files, ready to be filled and executed; no database is needed.

How versions and names are found is `test_files.py`'s.
"""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from in_process import Quick
from project import Project, succeeded


@pytest.fixture
def sqlmigrate(tmp_path: Path) -> Quick:
    """The program in an empty folder, with a database that nobody could reach."""
    return Quick(tmp_path, {"DATABASE_URL": "postgresql://nobody@127.0.0.1:1/nothing"})


def made(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_the_first_pair_makes_the_folder(sqlmigrate: Quick) -> None:
    """The files are named on the screen, and what comes next; exit 0."""
    ended = sqlmigrate("create", "Add user settings table")

    assert (ended.code, ended.stderr) == (0, "")
    assert ended.stdout == (
        "✅ sql/001_add_user_settings_table.up.sql\n"
        "✅ sql/001_add_user_settings_table.down.sql\n"
        "next: write the SQL into both, then: sqlmigrate up\n"
    )
    assert made(sqlmigrate.folder / "sql") == [
        "001_add_user_settings_table.down.sql", "001_add_user_settings_table.up.sql",
    ]  # fmt: skip


def test_the_next_pair_is_numbered_after_the_newest(sqlmigrate: Quick) -> None:
    """Whatever gaps there are: one more than the highest, as wide as it."""
    sqlmigrate.write(**{"0003_a.up.sql": "select 3;", "0017_b.up.sql": "select 17;"})

    assert sqlmigrate("create", "c").stdout.splitlines()[0] == "✅ sql/0018_c.up.sql"
    assert sqlmigrate("create", "d").stdout.splitlines()[0] == "✅ sql/0019_d.up.sql"


@pytest.mark.parametrize("way", ["asked for", "as the folder does"])
def test_a_stamped_pair(way: str, sqlmigrate: Quick) -> None:
    """`--timestamp` stamps it with the time in UTC; where the newest is stamped, that is done unasked."""
    if way == "asked for":
        ended = sqlmigrate("create", "a", "--timestamp")
    else:
        sqlmigrate.write(**{"20260213_120530_a.up.sql": "select 1;"})
        ended = sqlmigrate("create", "b")

    assert re.fullmatch(r"✅ sql/20\d{6}_\d{6}_[ab]\.up\.sql", ended.stdout.splitlines()[0])


def test_in_another_folder(sqlmigrate: Quick) -> None:
    """The folder that is named is made, with those above it, and named again in the hint."""
    ended = sqlmigrate("--directory", "db/changes", "create", "a")

    assert ended.stdout == (
        "✅ db/changes/001_a.up.sql\n"
        "✅ db/changes/001_a.down.sql\n"
        "next: write the SQL into both, then: sqlmigrate --directory db/changes up\n"
    )


def test_as_json(sqlmigrate: Quick) -> None:
    """Both paths, one value."""
    ended = sqlmigrate("create", "a", "--format", "json")

    assert (ended.code, ended.stderr) == (0, "")
    assert json.loads(ended.stdout) == {"up": "sql/001_a.up.sql", "down": "sql/001_a.down.sql"}


def test_a_pair_that_was_filled_can_be_executed_and_taken_back(project: Project) -> None:
    """SQL written below the comments of the template is all that is executed."""
    assert project.call("create", "a table").code == 0
    for direction, text in (("up", "create table a ();"), ("down", "drop table a;")):
        with (project.folder / f"001_a_table.{direction}.sql").open("a") as file:
            file.write(text)

    assert succeeded(project.up()) == ["001_a_table"]
    assert project.relations() == {"a"}
    assert succeeded(project.down()) == ["001_a_table"]


def test_a_pair_that_nobody_has_filled_is_not_executed(project: Project) -> None:
    """It is refused by `up`, both files of it: executed, it could not be written any more."""
    project.call("create", "a table")

    ended = project.call("up")

    assert (ended.code, ended.stdout) == (1, "")
    assert (
        ended.stderr
        == "".join(
            f"error: sql/001_a_table.{direction}.sql is still as `create` made it, without a statement\n"
            "   hint    write its SQL; or remove the template's lines, if it is to do nothing\n\n"
            for direction in ("up", "down")
        )
        + "2 errors, nothing was executed\n"
    )
    assert project.states() == {"001_a_table": "pending"}


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("a", "error: sql/001_a.up.sql has this name already\n   hint    say what this one does otherwise\n\n"),
        ("%!", 'error: `%!` has no letter or digit to name a file by\n   hint    "add user settings table"\n\n'),
    ],
    ids=["a name that is taken", "no name"],
)
def test_what_is_refused(name: str, message: str, sqlmigrate: Quick) -> None:
    """Nothing is made, and the message says what would do."""
    sqlmigrate("create", "a")

    ended = sqlmigrate("create", name)

    assert (ended.code, ended.stdout, ended.stderr) == (2, "", message)
    assert made(sqlmigrate.folder / "sql") == ["001_a.down.sql", "001_a.up.sql"]


def test_a_folder_with_a_fault_is_refused(sqlmigrate: Quick) -> None:
    """A version cannot be found in a folder that is not understood; its fault is told, nothing is made."""
    sqlmigrate.write(**{"001_a.sql": "select 1;"})

    ended = sqlmigrate("create", "b")

    assert (ended.code, ended.stdout) == (1, "")
    assert ended.stderr == (
        "error: sql/001_a.sql fits no pattern of a migration, VERSION_NAME.up.sql or VERSION_NAME.down.sql\n"
        "   hint    rename it: 001_a.up.sql\n\n"
    )
    assert made(sqlmigrate.folder / "sql") == ["001_a.sql"]
