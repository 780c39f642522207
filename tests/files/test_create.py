"""`create` as a user calls it: a new pair of files, ready to be filled and executed. No database is needed.

`test_folder.py` tests how versions and names are chosen.
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
    """The program in an empty folder, with a database that cannot be reached."""
    return Quick(tmp_path, {"DATABASE_URL": "postgresql://nobody@127.0.0.1:1/nothing"})


def made(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_the_first_pair_creates_the_folder(sqlmigrate: Quick) -> None:
    """The screen names the files and the next step; exit 0."""
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
    """Gaps do not matter: the number is one more than the highest, with as many digits."""
    sqlmigrate.write(**{"0003_a.up.sql": "select 3;", "0017_b.up.sql": "select 17;"})

    assert sqlmigrate("create", "c").stdout.splitlines()[0] == "✅ sql/0018_c.up.sql"
    assert sqlmigrate("create", "d").stdout.splitlines()[0] == "✅ sql/0019_d.up.sql"


@pytest.mark.parametrize("way", ["asked for", "as the folder does"])
def test_a_stamped_pair(way: str, sqlmigrate: Quick) -> None:
    """`--timestamp` asks for a time stamp in UTC. If the newest migration has one, it is the default."""
    if way == "asked for":
        ended = sqlmigrate("create", "a", "--timestamp")
    else:
        sqlmigrate.write(**{"20260213_120530_a.up.sql": "select 1;"})
        ended = sqlmigrate("create", "b")

    assert re.fullmatch(r"✅ sql/20\d{6}_\d{6}_[ab]\.up\.sql", ended.stdout.splitlines()[0])


def test_in_another_folder(sqlmigrate: Quick) -> None:
    """The chosen folder is created, with its parents, and the next step names it."""
    ended = sqlmigrate("--directory", "db/changes", "create", "a")

    assert ended.stdout == (
        "✅ db/changes/001_a.up.sql\n"
        "✅ db/changes/001_a.down.sql\n"
        "next: write the SQL into both, then: sqlmigrate --directory db/changes up\n"
    )


def test_as_json(sqlmigrate: Quick) -> None:
    """The value holds both paths."""
    ended = sqlmigrate("create", "a", "--format", "json")

    assert (ended.code, ended.stderr) == (0, "")
    assert json.loads(ended.stdout) == {"up": "sql/001_a.up.sql", "down": "sql/001_a.down.sql"}


def test_a_pair_that_was_filled_can_be_executed_and_rolled_back(project: Project) -> None:
    """The SQL below the comments of the template is executed, and only that."""
    assert project.call("create", "a table").code == 0
    for direction, text in (("up", "create table a ();"), ("down", "drop table a;")):
        with (project.folder / f"001_a_table.{direction}.sql").open("a") as file:
            file.write(text)

    assert succeeded(project.up()) == ["001_a_table"]
    assert project.relations() == {"a"}
    assert succeeded(project.down()) == ["001_a_table"]


def test_a_pair_that_was_not_filled_is_not_executed(project: Project) -> None:
    """`up` refuses both files: once executed, they could not be filled any more."""
    project.call("create", "a table")

    ended = project.call("up")

    assert (ended.code, ended.stdout) == (1, "")
    assert (
        ended.stderr
        == "".join(
            f"error: sql/001_a_table.{direction}.sql contains no SQL yet, only the template\n"
            "   hint    write its SQL, or delete the template's lines if it has nothing to do\n\n"
            for direction in ("up", "down")
        )
        + "2 errors, nothing was executed\n"
    )
    assert project.states() == {"001_a_table": "pending"}


OLD_UP = """\
-- A table
--
-- Executed in one transaction, together with its row in the history: no BEGIN and COMMIT needed.
-- On a table in use: create index concurrently in a file of its own; add constraints not valid and
-- validate them in a later file; `-- sqlmigrate: lock-timeout 5s` here bounds how long others wait.

"""
OLD_DOWN = """\
-- Takes back: A table
--
-- Undo the statements of the up file in the reverse order. Where there is no way back, remove this file and write
-- `-- sqlmigrate: irreversible (why)` at the head of the up file.

"""


def test_a_pair_from_an_older_template_is_recognised(project: Project) -> None:
    """The words of the template were changed once: files that were created before are refused as well."""
    project.add("001_a_table", OLD_UP, OLD_DOWN)

    ended = project.call("up")

    assert ended.code == 1
    assert re.findall(r"error: (\S+)", ended.stderr) == ["sql/001_a_table.up.sql", "sql/001_a_table.down.sql"]
    assert project.states() == {"001_a_table": "pending"}


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("a", "error: sql/001_a.up.sql already has this name\n   hint    choose a title that tells the two apart\n\n"),
        (
            "%!",
            (
                "error: the title `%!` has no letter or digit, so a file cannot be named after it\n"
                '   hint    for example: sqlmigrate create "add user settings table"\n\n'
            ),
        ),
    ],
    ids=["a name that is taken", "no name"],
)
def test_what_is_refused(name: str, message: str, sqlmigrate: Quick) -> None:
    """No file is created, and the message says what to do."""
    sqlmigrate("create", "a")

    ended = sqlmigrate("create", name)

    assert (ended.code, ended.stdout, ended.stderr) == (2, "", message)
    assert made(sqlmigrate.folder / "sql") == ["001_a.down.sql", "001_a.up.sql"]


def test_a_folder_with_a_fault_is_refused(sqlmigrate: Quick) -> None:
    """In a folder with faults the next version is not certain: the fault is reported, no file is created."""
    sqlmigrate.write(**{"001_a.sql": "select 1;"})

    ended = sqlmigrate("create", "b")

    assert (ended.code, ended.stdout) == (1, "")
    assert ended.stderr == (
        "error: sql/001_a.sql is not a migration file name; expected VERSION_NAME.up.sql or VERSION_NAME.down.sql\n"
        "   hint    rename it to 001_a.up.sql\n\n"
    )
    assert made(sqlmigrate.folder / "sql") == ["001_a.sql"]
