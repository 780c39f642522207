"""sql-migrate: markers in comments, and a history of file names. Files and rows are written by hand."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from foreign_folder import details, found, put, remarks, written
from project import Project

TIME = datetime(2024, 2, 3, 4, 5, 6, tzinfo=UTC)
FILES = {
    "1-users.sql": "-- the users\n-- +migrate Up\ncreate table users (id int);\n\n"
    "-- +migrate Down\ndrop table users;\n",
    "2-function.sql": "-- +migrate Up\n-- +migrate StatementBegin\ncreate function f() returns int language sql as $$\n"
    "  select 1;\n$$\n-- +migrate StatementEnd\ncreate table t (id int);\n",
    "10-index.sql": "-- +migrate Up notransaction\ncreate index concurrently i on users (id);\nselect 1;\n"
    "-- +migrate Down notransaction\ndrop index concurrently i;\nselect 1;\n",
    "seed.sql": "-- +migrate Up\nselect 4;\n",
}


def at(project: Project, *names: str) -> None:
    """Make the history, with these files."""
    project.execute("create table gorp_migrations (id text not null primary key, applied_at timestamptz)")
    for name in names:
        project.execute("insert into gorp_migrations values (%s, %s)", name, TIME)


def one(project: Project, text: str | bytes) -> None:
    """Write a folder of one migration, and one that says by its markers that the folder is sql-migrate's."""
    put(project, "migrations", {"1_a.sql": text, "2_b.sql": "-- +migrate Up\nselect 2;\n"})


def test_files_and_history_are_taken_over(project: Project) -> None:
    """The names are the keys of the history; a file without a number comes last, and gets the next one."""
    put(project, "migrations", FILES)
    project.execute("create table users (id int); create function f() returns int language sql as 'select 1'")
    project.execute("create table t (id int)")
    at(project, "1-users.sql", "2-function.sql")

    looked = project.call("adopt")
    ended = project.call("adopt", "--write")

    assert found(looked) == [
        "sql-migrate",
        "files     migrations/ · 4 migrations, to be converted",
        "history   gorp_migrations · 2 executed, 2 pending",
    ]
    assert remarks(looked) == [
        "⚠️ migrations/2-function.sql:2:1: lines with `StatementBegin` and `StatementEnd` are left out",
        "⚠️ migrations/2-function.sql:6:1: `;` takes the place of `StatementEnd`: nothing else ends the statement",
        "⚠️ migrations/10-index.sql:1:1: `notransaction` becomes the directive `no-transaction`",
        "⚠️ migrations/10-index.sql:4:1: `notransaction` becomes the directive `no-transaction`",
    ]
    assert ended.code == 0, ended.stderr
    assert written(project) == {
        "10_index.down.sql": "-- sqlmigrate: no-transaction\ndrop index concurrently i;\nselect 1;\n",
        "10_index.up.sql": "-- sqlmigrate: no-transaction\ncreate index concurrently i on users (id);\nselect 1;\n",
        "011_seed.up.sql": "-- before: seed.sql\nselect 4;\n",
        "1_users.down.sql": "drop table users;\n",
        "1_users.up.sql": "-- the users\ncreate table users (id int);\n\n",
        "2_function.up.sql": "create function f() returns int language sql as $$\n  select 1;\n$$\n;\n"
        "create table t (id int);\n",
    }
    assert project.query("select version, executed_at from migrations order by 1") == [("1", TIME), ("2", TIME)]
    assert details(project) == {
        "1": "adopted from sql-migrate; taken on trust: sql-migrate keeps no checksum",
        "2": "adopted from sql-migrate; taken on trust: sql-migrate keeps no checksum",
    }
    project.up()
    assert set(project.states().values()) == {"executed"}


@pytest.mark.parametrize(
    ("text", "up", "down"),
    [
        ("-- +migrate Up\r\nselect 1;\r\n-- +migrate Down\r\nselect 2;\r\n", "select 1;\r\n", "select 2;\r\n"),
        ("-- +migrate   Up  x\nselect 1;\n", "select 1;\n", None),
        (
            "-- +migrate Up\nselect 1;\n-- +migrate Down\nselect 2;\n-- +migrate Up\nselect 3;\n",
            "select 1;\nselect 3;\n",
            "select 2;\n",
        ),
        ("-- +migrate Up\n-- +other\nselect 1;\n-- +migrate Down\n-- nothing\n", "select 1;\n", "-- nothing\n"),
        ("-- +migrate Up\nselect 1;\n-- +migrate Down notransaction\nselect 2;\n", "select 1;\n",
         "-- sqlmigrate: no-transaction\nselect 2;\n"),
        ("-- +migrate Up\nselect 1;\n-- +migrate StatementEnd\nselect 2\n;\n", "select 1;\nselect 2\n;\n", None),
    ],
)  # fmt: skip
def test_markers_are_read_as_sql_migrate_reads_them(project: Project, text: str, up: str, down: str | None) -> None:
    """Options behind a direction, several sections of one, lines that are never executed."""
    one(project, text)

    assert project.call("adopt", "--write").code == 0
    files = written(project)
    assert (files["1_a.up.sql"], files.get("1_a.down.sql")) == (up, down)


@pytest.mark.parametrize(
    ("text", "remark"),
    [
        ("select 1;\n", "migrations/1_a.sql has no `-- +migrate Up`: sql-migrate refuses it"),
        ("-- +migrate up\nselect 1;\n", "migrations/1_a.sql has no `-- +migrate Up`: sql-migrate refuses it"),
        ("--+migrate Up\nselect 1;\n", "migrations/1_a.sql has no `-- +migrate Up`: sql-migrate refuses it"),
        (
            "-- +migrate Up\n-- +migrate StatementBegin\nselect 1;\n",
            "migrations/1_a.sql:2:1: sql-migrate refuses the file: `StatementBegin` without `StatementEnd`",
        ),
        ("-- +migrate Up\nselect 'ö';\n".encode("latin-1"), ("migrations/1_a.sql:2:9: the byte 0xF6 is not UTF-8: "
         "save it as UTF-8")),
    ],
)  # fmt: skip
def test_what_sql_migrate_refuses_is_an_obstacle(project: Project, text: str | bytes, remark: str) -> None:
    """Each with its place; nothing is written."""
    one(project, text)

    assert remarks(project.call("adopt"))[0].startswith(f"❌ {remark}")
    assert project.call("adopt", "--write").code != 0
    assert written(project) == {}


def test_sql_above_the_first_marker_is_left_out(project: Project) -> None:
    """sql-migrate passes over it; comments stay."""
    one(project, "-- why\nselect 0;\n-- +migrate Up\nselect 1;\n")

    assert remarks(project.call("adopt")) == [
        "⚠️ migrations/1_a.sql:2:1: SQL above the first marker is left out: sql-migrate does not execute it"
    ]
    assert project.call("adopt", "--write").code == 0
    assert written(project)["1_a.up.sql"] == "-- why\nselect 1;\n"


def test_two_files_of_one_number_are_two_migrations(project: Project) -> None:
    """The history has their names: each keeps its own state, and the second one gets a number of its own."""
    text = "-- +migrate Up\nselect 1;\n"
    put(project, "migrations", {"1-a.sql": text, "1-b.sql": text, "3-c.sql": text})
    at(project, "1-a.sql", "1-b.sql")

    assert project.call("adopt", "--write").code == 0
    assert project.states() == {"1_a": "executed", "2_b": "executed", "3_c": "pending"}
    assert written(project)["2_b.up.sql"] == "-- before: 1-b.sql\nselect 1;\n"
