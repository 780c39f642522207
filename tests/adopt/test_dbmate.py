"""dbmate: sections in one file, and a history of versions. Files and rows are written by hand."""

from __future__ import annotations

import psycopg
import pytest
from foreign_folder import details, found, put, refused, remarks, written
from project import Project

HISTORY = "create table schema_migrations (version varchar primary key)"
FOLDER = "db/migrations"
MISSING = "db/migrations/1_a.sql has no `-- migrate:up`: dbmate refuses it"


def at(project: Project, *versions: str) -> None:
    """Make the history, with these versions."""
    project.execute(HISTORY)
    for version in versions:
        project.execute("insert into schema_migrations values (%s)", version)


def one(project: Project, text: str | bytes) -> None:
    """Write a folder of one migration, and one that says by its markers that the folder is dbmate's."""
    put(project, FOLDER, {"1_a.sql": text, "2_b.sql": "-- migrate:up\nselect 2;\n-- migrate:down\n"})


@pytest.mark.parametrize(
    ("text", "up", "down"),
    [
        ("-- migrate:up\nselect 1;\n-- migrate:down\nselect 2;\n", "select 1;\n", "select 2;\n"),
        ("--migrate:up\nselect 1;\n--migrate:down\n\n \n", "select 1;\n", None),
        ("-- migrate:up\nselect 1;\n-- migrate:down\n-- nothing\n", "select 1;\n", "-- nothing\n"),
        ("-- migrate:up\r\nselect 1;\r\n-- migrate:down\r\nselect 2;", "select 1;\r\n", "select 2;"),
        ("-- why\n\n-- migrate:up\nselect 1;\n-- migrate:down", "-- why\n\nselect 1;\n", None),
        ("-- migrate:up transaction:true foo:bar\nselect 1;\n-- migrate:down", "select 1;\n", None),
        ("-- migrate:up transaction: false\nselect 1;\n-- migrate:down", "select 1;\n", None),
        (
            "-- migrate:up transaction:false\nselect 1;\n-- migrate:down\nselect 2;\n",
            "-- sqlmigrate: no-transaction\nselect 1;\n",
            "select 2;\n",
        ),
        (
            "-- migrate:up\nselect 1;\n-- migrate:down x:y transaction:false\nselect 2;\n",
            "select 1;\n",
            "-- sqlmigrate: no-transaction\nselect 2;\n",
        ),
        (
            "-- migrate:up\nselect $$\n  -- migrate:down\n$$;\n-- migrate:down",
            "select $$\n  -- migrate:down\n$$;\n",
            None,
        ),
        ("-- migrate:up\nselect 1;\n", "select 1;\n", None),
    ],
)
def test_sections_are_cut_as_dbmate_cuts_them(project: Project, text: str, up: str, down: str | None) -> None:
    """What is between the markers stays byte for byte."""
    one(project, text)

    assert project.call("adopt", "--write").code == 0
    files = written(project)
    assert (files["1_a.up.sql"], files.get("1_a.down.sql")) == (up, down)


@pytest.mark.parametrize(
    ("text", "place", "message", "hint"),
    [
        ("select 1;\n", "", MISSING, "write the marker, or"),
        ("-- MIGRATE:UP\nselect 1;\n", "", MISSING, "write"),
        (
            "  -- migrate:up\nselect 1;\n",
            "",
            MISSING,
            "write",
        ),
        (
            "-- c\nselect 0;\n-- migrate:up\nselect 1;\n-- migrate:down\n",
            ":2:1",
            "dbmate refuses SQL above its first marker",
            "move it below the marker",
        ),
        ("/* c */\n-- migrate:up\n-- migrate:down\n", ":1:1", "dbmate refuses SQL above its first marker", "move"),
        (
            "-- migrate:down\nselect 2;\n-- migrate:up\nselect 1;\n",
            ":1:1",
            "`-- migrate:down` without `-- migrate:up` above it: dbmate refuses the file",
            "write the up section first",
        ),
        (
            "-- migrate:up\n-- migrate:down\n-- migrate:up\n-- migrate:down\n",
            ":3:1",
            "a second `-- migrate:up`: dbmate can execute only one",
            "join the sections",
        ),
        ("-- migrate:up\nselect 'ö';\n".encode("latin-1"), ":2:9", "the byte 0xF6 is not UTF-8", "save it as UTF-8"),
    ],
)
def test_what_dbmate_refuses_is_an_obstacle(
    project: Project, text: str | bytes, place: str, message: str, hint: str
) -> None:
    """Each with its place; nothing is written until it is solved, or until a pair takes its place."""
    one(project, text)

    where = f"{FOLDER}/1_a.sql{place}: " if place else ""
    assert remarks(project.call("adopt"))[0].startswith(f"❌ {where}{message}: {hint}")
    assert refused(project.call("adopt", "--write"))[0] == f"error: {message}"
    assert written(project) == {}
    project.add("1_a", "select 1;")
    assert project.call("adopt", "--write").code == 0


def test_notes_say_what_changes(project: Project) -> None:
    """The directive, and a missing section."""
    one(project, "-- migrate:up transaction:false\nselect 1;\n")

    assert remarks(project.call("adopt")) == [
        "⚠️ db/migrations/1_a.sql:1:1: `transaction:false` becomes the directive `no-transaction`",
        "⚠️ db/migrations/1_a.sql has no `-- migrate:down`: it becomes a migration without a down file",
    ]


def test_names_and_their_order_are_dbmates(project: Project) -> None:
    """Digits begin a name; nothing has to stand between them and the rest; the order is that of the text."""
    empty = "-- migrate:up\nselect 1;\n-- migrate:down\n"
    put(
        project,
        FOLDER,
        {"10_ten.sql": empty, "2-two words.sql": empty, "3.sql": empty, "x_4.sql": empty, "5_a.SQL": empty},
    )
    at(project, "10", "2")

    assert project.call("adopt", "--write").code == 0
    assert project.states() == {
        "10_ten": "executed",
        "11_two_words": "executed",
        "12_migration": "pending",
    }
    assert written(project)["11_two_words.up.sql"] == "-- before: 2-two words.sql\nselect 1;\n"


def test_the_log_says_that_there_is_no_checksum(project: Project) -> None:
    """The tool keeps only versions: no time, no duration, no user."""
    one(project, "-- migrate:up\nselect 1;\n-- migrate:down\n")
    at(project, "1")

    looked = project.call("adopt")
    project.call("adopt", "--write")

    assert found(looked) == [
        "dbmate",
        "files     db/migrations/ · 2 migrations, to be converted",
        "history   schema_migrations · 1 executed, 1 pending",
    ]
    assert details(project) == {"1": "adopted from dbmate; taken on trust: dbmate keeps no checksum"}
    assert project.query("select executed_at, duration_ms, executed_by from migrations") == [(None, None, None)]


def test_two_files_of_one_executed_version_are_refused(project: Project) -> None:
    """The tool calls both of them applied, although it has executed one."""
    put(
        project,
        FOLDER,
        {"1_a.sql": "-- migrate:up\nselect 1;\n-- migrate:down\n", "1_b.sql": "-- migrate:up\n-- migrate:down\n"},
    )
    at(project, "1")

    assert refused(project.call("adopt", "--write")) == [
        (
            "error: db/migrations/1_a.sql and db/migrations/1_b.sql have the same version: the history of dbmate does "
            "not say which of them was executed"
        ),
        "nothing was changed",
        "hint    give the file that was not executed a version of its own",
    ]


def test_a_row_without_a_file_is_told(project: Project) -> None:
    """The tool allows that; the other rows are taken over, if the user says so."""
    one(project, "-- migrate:up\nselect 1;\n-- migrate:down\n")
    at(project, "1", "0007")

    assert found(project.call("adopt"))[2] == "history   schema_migrations · 1 executed, 1 pending, 1 without a file"
    assert project.call("adopt", "--write").code == 1
    assert project.call("adopt", "--write", "--ignore-missing").code == 0
    assert project.recorded() == [("1", "executed")]
    assert project.call("adopt", "--write").code == 0


def test_a_second_adoption_reads_the_old_folder_again(project: Project) -> None:
    """Our folder holds what was written before: it is not another candidate, without a database either."""
    one(project, "-- migrate:up\nselect 1;\n-- migrate:down\n")
    project.call("adopt", "--write")

    again = project.call("adopt", DATABASE_URL="")

    assert again.code == 0, again.stderr
    assert "dbmate" in again.stdout


def test_its_lock_is_respected(project: Project) -> None:
    """The tool takes one with --migration-lock; its key is the same everywhere."""
    one(project, "-- migrate:up\nselect 1;\n-- migrate:down\n")
    at(project, "1")

    with psycopg.connect(project.url) as other:
        other.execute("select pg_advisory_lock(48372615)")
        ended = project.call("adopt", "--write")

    assert refused(ended)[0] == "error: a run of dbmate is under way: it holds its lock"
