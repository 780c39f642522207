"""tern: both directions in one file, templates, and a history of one row. Files and rows are written by hand."""

from __future__ import annotations

import psycopg
import pytest
from foreign_folder import details, found, put, refused, remarks, written
from project import Project

SEPARATOR = "---- create above / drop below ----"
FILES = {
    "001_users.sql": f"-- the users\ncreate table users (id int);\n\n{SEPARATOR}\n\ndrop table users;\n",
    "002_index.sql": "---- tern: disable-tx ----\ncreate index concurrently i on users (id);\nselect 1;\n\n"
    f"{SEPARATOR}\n---- tern: disable-tx ----\ndrop index concurrently i;\nselect 1;\n",
    "003_later.sql": "select 3;\n",
}


def at(project: Project, version: int) -> None:
    """Make the history, at a version."""
    project.execute("create table schema_version (version int4 not null primary key)")
    project.execute("insert into schema_version values (%s)", version)


def test_files_and_history_are_taken_over(project: Project) -> None:
    """The separator and the comments about transactions go; every file up to the version is asked for."""
    put(project, "migrations", FILES)
    project.execute("create table users (id int); create index i on users (id)")
    at(project, 2)

    looked = project.call("adopt")
    asked = project.call("adopt", "--write")
    ended = project.call("adopt", "--write", "--yes")

    assert found(looked) == [
        "tern",
        "files     migrations/ · 3 migrations, to be converted",
        "history   schema_version · 2 executed, 1 pending",
    ]
    assert remarks(looked) == [
        "⚠️ migrations/002_index.sql:1:1: `tern: disable-tx` becomes the directive `no-transaction`",
        "⚠️ migrations/002_index.sql:6:1: `tern: disable-tx` becomes the directive `no-transaction`",
    ]
    assert asked.code != 0
    assert asked.stderr.splitlines()[:3] == [
        "✅ 001_users   executed  taken on trust: tern keeps no checksum",
        "✅ 002_index   executed  taken on trust: tern keeps no checksum",
        "⏸️ 003_later   pending",
    ]
    assert ended.code == 0, ended.stderr
    assert written(project) == {
        "001_users.down.sql": "\ndrop table users;\n",
        "001_users.up.sql": "-- the users\ncreate table users (id int);\n\n",
        "002_index.down.sql": "-- sqlmigrate: no-transaction\ndrop index concurrently i;\nselect 1;\n",
        "002_index.up.sql": "-- sqlmigrate: no-transaction\ncreate index concurrently i on users (id);\nselect 1;\n\n",
        "003_later.up.sql": "select 3;\n",
    }
    assert details(project) == {
        "001": "adopted from tern; taken on trust: tern keeps no checksum",
        "002": "adopted from tern; taken on trust: tern keeps no checksum",
    }
    project.up()
    assert set(project.states().values()) == {"executed"}


def test_version_0_says_that_nothing_is_executed(project: Project) -> None:
    """The tool writes that row when it creates its table."""
    put(project, "migrations", FILES)
    at(project, 0)

    assert project.call("adopt", "--write").code == 0
    assert set(project.states().values()) == {"pending"}


def test_a_version_without_a_file_is_refused(project: Project) -> None:
    """The tool itself says that the version is outside of the valid ones."""
    put(project, "migrations", FILES)
    at(project, 4)

    assert refused(project.call("adopt", "--write", "--yes")) == [
        (
            "error: tern is at version 4, and migrations has no file of that version: it is not known which files are "
            "executed"
        ),
        "nothing was changed",
        "hint    restore the file, or name the folder that belongs to this database",
        "next    sqlmigrate adopt --from FOLDER",
    ]


@pytest.mark.parametrize(
    ("text", "up", "down"),
    [
        (f"select 1;\r\n{SEPARATOR}\r\nselect 2;\r\n", "select 1;\r\n", "select 2;\r\n"),
        (f"select 1;\n{SEPARATOR}", "select 1;\n", None),
        (f"select 1;\n{SEPARATOR}\n-- nothing\n", "select 1;\n", "-- nothing\n"),
        (f"select 1;\n{SEPARATOR}\nselect 2;\n{SEPARATOR} \n", "select 1;\n", f"select 2;\n{SEPARATOR} \n"),
    ],
)
def test_the_first_separator_cuts_the_file(project: Project, text: str, up: str, down: str | None) -> None:
    """An empty part below it is no down: tern calls such a migration irreversible."""
    put(project, "migrations", {"1_a.sql": text})

    assert project.call("adopt", "--write").code == 0
    files = written(project)
    assert (files["1_a.up.sql"], files.get("1_a.down.sql")) == (up, down)


def test_templates_are_obstacles_with_their_place(project: Project) -> None:
    """The tool fills in every file; what files in folders hold is used by them."""
    put(
        project,
        "migrations",
        {**FILES, "004_t.sql": 'select 1;\n{{ template "shared/v1.sql" . }}\n', "shared/v1.sql": "x"},
    )

    assert remarks(project.call("adopt")) == [
        (
            "❌ migrations/004_t.sql:2:1: a template: tern fills it in before it executes the file: write "
            "sql/004_t.up.sql by hand, with what the template gives"
        ),
        "⚠️ migrations/002_index.sql:1:1: `tern: disable-tx` becomes the directive `no-transaction`",
        "⚠️ migrations/002_index.sql:6:1: `tern: disable-tx` becomes the directive `no-transaction`",
        "⚠️ migrations/shared/v1.sql is a template of tern, not a migration",
    ]
    assert project.call("adopt", "--write").code != 0
    project.add("004_t", "select 4;")
    assert project.call("adopt", "--write").code == 0


def test_a_gap_is_told(project: Project) -> None:
    """The tool refuses such a folder; the rest of it can be converted."""
    put(project, "migrations", {name: text for name, text in FILES.items() if not name.startswith("002")})

    assert remarks(project.call("adopt")) == ["⚠️ migrations has no migration 2: tern refuses such a folder"]


def test_files_without_a_separator_are_told_by_their_numbers(project: Project) -> None:
    """They count from 1; without a history, other tools could have such files too."""
    put(project, "migrations", {"1_a.sql": "select 1;\n", "2_b.sql": "select 2;\n"})

    assert found(project.call("adopt"))[0] == "sqlx, tern or node-pg-migrate"
    at(project, 1)
    assert found(project.call("adopt")) == [
        "tern",
        "files     migrations/ · 2 migrations, to be converted",
        "history   schema_version · 1 executed, 1 pending",
    ]


def test_its_lock_is_respected(project: Project) -> None:
    """A run of tern holds its advisory lock."""
    put(project, "migrations", FILES)
    at(project, 1)

    with psycopg.connect(project.url) as other:
        other.execute("select pg_advisory_lock(9628173550095224)")
        ended = project.call("adopt", "--write", "--yes")

    assert refused(ended)[0] == "error: a run of tern is under way: it holds its lock"
