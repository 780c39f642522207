"""node-pg-migrate: SQL files with sections, and a history of names. Files and rows are written by hand."""

from __future__ import annotations

from datetime import UTC, datetime

import psycopg
import pytest
from foreign_folder import details, found, put, refused, remarks, texts_in, written
from project import Project

HISTORY = "create table pgmigrations (id serial primary key, name varchar(255) not null, run_on timestamp not null)"
USERS = """\
-- the users
-- Up Migration
create table users (id int);

-- Down Migration
drop table users;
"""
FILES = {
    "1700000000001_users.sql": USERS,
    "1700000000002_orders.sql": "create table orders (id int);\r\n",
    "1700000000003_view.sql": "---- DOWN  migration: last\r\ndrop view v;\r\n"
    "---up migration\r\ncreate view v as select 1;",
}
TRUSTED = "adopted from node-pg-migrate; taken on trust: node-pg-migrate keeps no checksum"


def at(project: Project, *names: str) -> None:
    """Make the history, a row for each name, a minute apart."""
    project.execute(HISTORY)
    for minute, name in enumerate(names):
        project.execute("insert into pgmigrations (name, run_on) values (%s, %s)", name, f"2024-01-01 10:0{minute}")


def one(project: Project, text: str) -> dict[str, str]:
    """Take over one file; gives what becomes of it."""
    put(project, "migrations", {"1_a.sql": text})
    at(project, "1_a")
    ended = project.call("adopt", "--write")
    assert ended.code == 0, ended.stdout + ended.stderr
    return written(project)


def test_files_and_history_are_taken_over(project: Project) -> None:
    """Sections are cut as the tool cuts them, in any order; a file without a marker is all up; line ends stay."""
    put(project, "migrations", FILES)
    at(project, "1700000000001_users", "1700000000002_orders")

    looked = project.call("adopt")
    ended = project.call("adopt", "--write")

    assert found(looked) == [
        "node-pg-migrate",
        "files     migrations/ · 3 migrations, to be converted",
        "history   pgmigrations · 2 executed, 1 pending",
    ]
    assert remarks(looked) == []
    assert ended.code == 0, ended.stderr
    assert written(project) == {
        "1700000000001_users.down.sql": "drop table users;\n",
        "1700000000001_users.up.sql": "-- the users\ncreate table users (id int);\n",
        "1700000000002_orders.up.sql": "create table orders (id int);\r\n",
        "1700000000003_view.down.sql": "drop view v;\r\n",
        "1700000000003_view.up.sql": "create view v as select 1;",
    }
    assert list(project.states().values()) == ["executed", "executed", "pending"]
    assert details(project) == {"1700000000001": TRUSTED, "1700000000002": TRUSTED}
    assert "0 files written, 0 migrations recorded" in project.call("adopt", "--write").stdout


def test_times_are_in_the_time_zone_of_the_server(project: Project) -> None:
    """The tool writes `now()` into a column without a time zone."""
    database = project.value("select current_database()")
    project.execute(f"alter database {database} set timezone to 'Asia/Tokyo'")
    put(project, "migrations", FILES)
    at(project, "1700000000001_users")

    assert project.call("adopt", "--write").code == 0

    assert project.value("select executed_at from migrations") == datetime(2024, 1, 1, 1, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "up", "down"),
    [
        ("\n\n  -- UP Migration!\nselect 1;\n", "select 1;\n", None),
        ("-- Up Migration\nselect 1;\n-- Down Migration\n", "select 1;\n", None),
        (
            "-- it goes up migration by migration\nselect 1;\n",
            "-- it goes up migration by migration\nselect 1;\n",
            None,
        ),
        ("select '\n-- not Up Migration';\n", "select '\n-- not Up Migration';\n", None),
        ("-- Up Migration", "", None),
    ],
)
def test_markers_are_read_as_the_tool_reads_them(project: Project, text: str, up: str, down: str | None) -> None:
    """Blanks and dashes may stand before the word, anything behind it; an empty down section is none."""
    files = one(project, text)

    assert files == {"1_a.up.sql": up, **({"1_a.down.sql": down} if down else {})}


def test_statements_above_the_sections_are_told(project: Project) -> None:
    """The tool does not execute them."""
    put(project, "migrations", {"1_a.sql": "select 0;\n-- Up Migration\nselect 1;\n"})
    at(project, "1_a")

    assert remarks(project.call("adopt")) == [
        (
            "⚠️ migrations/1_a.sql:1:1: the statements above the first section are left out: "
            "node-pg-migrate does not execute them"
        )
    ]
    project.call("adopt", "--write")
    assert written(project) == {"1_a.up.sql": "select 1;\n"}


def test_a_down_section_alone_is_an_obstacle(project: Project) -> None:
    """The tool executes all of it as up."""
    put(project, "migrations", {"1_a.sql": "select 1;\n-- Down Migration\nselect 2;\n"})
    at(project, "1_a")

    assert refused(project.call("adopt", "--write"))[0] == (
        "error: migrations/1_a.sql has a down section and no up section: node-pg-migrate executes all of it as up"
    )
    assert written(project) == {}


def test_code_is_an_obstacle_until_a_pair_takes_its_place(project: Project) -> None:
    """Only its place in the order is known."""
    put(
        project,
        "migrations",
        {"1_a.sql": USERS, "2_b.js": "exports.up = (pgm) => {}", "3_c.ts": "", "readme.md": "", "index.d.ts": ""},
    )
    at(project, "1_a", "2_b")

    ended = project.call("adopt", "--write")

    assert remarks(project.call("adopt")) == [
        f"❌ migrations/{name} is code, not SQL: it is not executed here: "
        f"write sql/{name.partition('.')[0]}.up.sql by hand in its place; "
        "`node-pg-migrate up --dry-run` prints the SQL of pending migrations"
        for name in ("2_b.js", "3_c.ts")
    ]
    assert ended.code == 1
    project.add("2_b", "select 2;\n").add("3_c", "select 3;\n")
    assert project.call("adopt", "--write").code == 0
    assert list(project.states().values()) == ["executed", "executed", "pending"]


def test_the_order_is_that_of_the_numbers(project: Project) -> None:
    """17 digits are a time in UTC, which counts as its milliseconds; equal numbers are in the order of the names."""
    put(
        project,
        "migrations",
        {
            "10_j.sql": "-- Up Migration\nselect 10;\n",
            "9_i.sql": "select 9;\n",
            "20231114221320002_second.sql": "select 'second';\n",
            "1700000000001_first.sql": "select 'first';\n",
            "1700000000003_third.sql": "select 'third';\n",
            "9_h2.sql": "select 'h2';\n",
            "9_h10.sql": "select 'h10';\n",
        },
    )

    assert project.call("adopt", "--write").code == 0

    assert written(project) == {
        "10_h10.up.sql": "-- before: 9_h10.sql\nselect 'h10';\n",
        "11_i.up.sql": "-- before: 9_i.sql\nselect 9;\n",
        "12_j.up.sql": "-- before: 10_j.sql\nselect 10;\n",
        "1700000000001_first.up.sql": "select 'first';\n",
        "20231114221320002_second.up.sql": "select 'second';\n",
        "20231114221320003_third.up.sql": "-- before: 1700000000003_third.sql\nselect 'third';\n",
        "9_h2.up.sql": "select 'h2';\n",
    }


def test_pairs_stay_where_they_are(project: Project) -> None:
    """An option of the tool makes one migration of them; the history decides that they are the tool's."""
    pairs = {"001_a.up.sql": "select 1;\n", "001_a.down.sql": "select 2;\n", "002_b.up.sql": "select 3;\n"}
    put(project, "migrations", pairs)
    at(project, "001_a")

    ended = project.call("adopt", "--write")

    assert ended.code == 0, ended.stderr
    assert written(project) == {}
    assert texts_in(project.folder.parent / "migrations") == pairs
    assert details(project) == {"001": TRUSTED}


def test_its_lock_is_respected(project: Project) -> None:
    """A run holds an advisory lock."""
    put(project, "migrations", FILES)
    at(project, "1700000000001_users")

    with psycopg.connect(project.url) as other:
        other.execute("select pg_advisory_lock(7241865325823964)")
        ended = project.call("adopt", "--write")

    assert refused(ended)[0] == "error: a run of node-pg-migrate is under way: it holds its lock"


def test_an_executed_migration_without_a_file_is_told(project: Project) -> None:
    """It is not recorded, if the user says so."""
    put(project, "migrations", FILES)
    at(project, "1700000000001_users", "1700000000000_gone")

    assert found(project.call("adopt"))[2] == "history   pgmigrations · 1 executed, 2 pending, 1 without a file"
    assert remarks(project.call("adopt", "--ignore-missing")) == [
        "⚠️ executed, and no file has it, so it is not recorded: 1700000000000_gone"
    ]


def test_pairs_that_were_executed_one_by_one_are_one_migration(project: Project) -> None:
    """Without its option the tool executes both files of a pair, each under its own name."""
    put(project, "migrations", {"001_a.up.sql": "select 1;\n", "001_a.down.sql": "select 2;\n"})
    at(project, "001_a.down", "001_a.up")

    assert project.call("adopt", "--write").code == 0

    assert details(project) == {"001": TRUSTED}


def test_finish_and_undo(project: Project) -> None:
    """Its first row has no file then: the tool refuses to go on."""
    put(project, "migrations", FILES)
    at(project, "1700000000001_users")
    project.call("adopt", "--write")

    assert project.call("adopt", "--finish").code == 0
    names = "select name from pgmigrations order by run_on, id"
    assert project.query(names) == [("looked_after_by_sqlmigrate",), ("1700000000001_users",)]
    assert "0 files written, 0 migrations recorded" in project.call("adopt", "--write").stdout
    assert project.call("adopt", "--undo", "--yes").code == 0
    assert project.query(names) == [("1700000000001_users",)]


def test_two_files_of_one_name_are_an_obstacle(project: Project) -> None:
    """The history has the name alone."""
    put(project, "migrations", {"1_a.sql": USERS, "1_a.js": "exports.up = (pgm) => {}", "x.sql": "select 1;\n"})
    at(project, "1_a")

    assert remarks(project.call("adopt")) == [
        (
            "❌ migrations/1_a.js and migrations/1_a.sql have the same name: "
            "the history does not say which of them was executed: write sql/1_a.up.sql by hand in its place"
        ),
        "⚠️ migrations/x.sql is left out: its name does not begin with a number, and node-pg-migrate refuses it",
    ]
