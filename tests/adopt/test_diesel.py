"""Diesel: a folder for each migration, and a history of versions. Files and rows are written by hand."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from foreign_folder import details, found, put, refused, remarks, written
from project import Project

HISTORY = """\
create table __diesel_schema_migrations (
    version varchar(50) primary key, run_on timestamp not null default current_timestamp)"""
TRUSTED = "adopted from Diesel; taken on trust: Diesel keeps no checksum"
FILES = {
    "00000000000000_diesel_initial_setup/up.sql": "-- set up\nselect 0;\n",
    "00000000000000_diesel_initial_setup/down.sql": "select 'none';\n",
    "2024-01-01-120000_users/up.sql": "create table users (id int);\r\n",
    "2024-01-01-120000_users/down.sql": "drop table users;\n",
    "2024-01-02-120000_index/up.sql": "create index concurrently i on users (id);\nselect 1;\n",
    "2024-01-02-120000_index/down.sql": "drop index concurrently i;\nselect 1;\n",
    "2024-01-02-120000_index/metadata.toml": "# off\nrun_in_transaction = false\n",
    "2024-01-03-120000_orders/up.sql": "create table orders (id int);",
    "readme.md": "not a migration",
}


def at(project: Project, *versions: str) -> None:
    """Make the history, a row for each version, a minute apart."""
    project.execute(HISTORY)
    for minute, version in enumerate(versions):
        project.execute("insert into __diesel_schema_migrations values (%s, %s)", version, f"2024-01-01 10:0{minute}")


def test_folders_and_history_are_taken_over(project: Project) -> None:
    """Dashes of a version are left out; `metadata.toml` is for both directions; times are in UTC."""
    put(project, "migrations", FILES)
    at(project, "00000000000000", "20240101120000", "20240102120000")

    looked = project.call("adopt")
    ended = project.call("adopt", "--write")

    assert found(looked) == [
        "Diesel",
        "files     migrations/ · 4 migrations, to be converted",
        "history   __diesel_schema_migrations · 3 executed, 1 pending",
    ]
    assert remarks(looked) == [
        (
            "⚠️ migrations/2024-01-02-120000_index/metadata.toml switches the transaction off: "
            "it becomes the directive `no-transaction`"
        )
    ]
    assert ended.code == 0, ended.stderr
    directive = "-- sqlmigrate: no-transaction\n"
    assert written(project) == {
        "00000000000000_diesel_initial_setup.down.sql": "select 'none';\n",
        "00000000000000_diesel_initial_setup.up.sql": "-- set up\nselect 0;\n",
        "20240101120000_users.down.sql": "drop table users;\n",
        "20240101120000_users.up.sql": "create table users (id int);\r\n",
        "20240102120000_index.down.sql": directive + "drop index concurrently i;\nselect 1;\n",
        "20240102120000_index.up.sql": directive + "create index concurrently i on users (id);\nselect 1;\n",
        "20240103120000_orders.up.sql": "create table orders (id int);",
    }
    assert list(project.states().values()) == ["executed"] * 3 + ["pending"]
    assert set(details(project).values()) == {TRUSTED}
    assert project.query("select executed_at from migrations where version = '20240101120000'") == [
        (datetime(2024, 1, 1, 10, 1, tzinfo=UTC),)
    ]
    assert "0 files written, 0 migrations recorded" in project.call("adopt", "--write").stdout


def test_versions_are_compared_as_text(project: Project) -> None:
    """`10` comes before `9`, as Diesel executes them."""
    put(project, "migrations", {f"{name}/up.sql": f"select '{name}';\n" for name in ("9_nine", "10_ten", "20_last")})

    assert project.call("adopt", "--write").code == 0

    assert written(project) == {
        "10_ten.up.sql": "select '10_ten';\n",
        "20_last.up.sql": "select '20_last';\n",
        "21_nine.up.sql": "-- before: 9_nine\nselect '9_nine';\n",
    }


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({"1_a/down.sql": "select 1;\n"}, "migrations/1_a has no file up.sql"),
        (
            {"1_a/up.sql": "select 1;\n", "1_a/metadata.toml": "run_in_transaction = 'no'\n"},
            "migrations/1_a/metadata.toml: `run_in_transaction` is true or false",
        ),
        (
            {"1_a/up.sql": "select 1;\n", "1_a/metadata.toml": "run_in_transaction\n"},
            (
                "migrations/1_a/metadata.toml cannot be read: "
                "Expected '=' after a key in a key/value pair (at line 1, column 19)"
            ),
        ),
    ],
)
def test_folders_that_cannot_be_read_are_obstacles(project: Project, files: dict[str, str], message: str) -> None:
    """Nothing is written."""
    put(project, "migrations", files)
    at(project, "1")

    assert refused(project.call("adopt", "--write"))[0] == f"error: {message}"
    assert written(project) == {}


def test_two_folders_of_one_version_are_refused(project: Project) -> None:
    """The history does not say which of them was executed."""
    put(project, "migrations", {"1_a/up.sql": "select 1;\n", "1_b/up.sql": "select 2;\n"})
    at(project, "1")

    assert refused(project.call("adopt", "--write"))[0] == (
        "error: migrations/1_a and migrations/1_b have the same version: "
        "the history of Diesel does not say which of them was executed"
    )


def test_metadata_without_the_setting_switch_the_transaction_off(project: Project) -> None:
    """Diesel reads the missing setting as false."""
    put(project, "migrations", {"1_a/up.sql": "select 1;\n", "1_a/metadata.toml": "# nothing\n"})

    assert project.call("adopt", "--write").code == 0

    assert written(project) == {"1_a.up.sql": "-- sqlmigrate: no-transaction\nselect 1;\n"}


def test_a_name_without_a_number_gets_one(project: Project) -> None:
    """The name of a folder without `_` is its version; hidden folders do not count."""
    files = {f"{name}/up.sql": f"select '{name}';\n" for name in ("noversion", "2024-01-01_b", ".hidden")}
    put(project, "migrations", files)
    at(project, "noversion", "20240101")

    assert project.call("adopt", "--write").code == 0

    assert written(project) == {
        "001_b.up.sql": "-- before: 2024-01-01_b\nselect '2024-01-01_b';\n",
        "002_migration.up.sql": "-- before: noversion\nselect 'noversion';\n",
    }
    assert list(project.states().values()) == ["executed", "executed"]


def test_finish_says_what_diesel_still_executes(project: Project) -> None:
    """It records a migration without a transaction after it has executed it."""
    put(project, "migrations", FILES)
    at(project, "00000000000000")
    project.call("adopt", "--write")

    assert project.call("adopt", "--finish").stdout.splitlines()[-3:] == [
        "__diesel_schema_migrations refuses writes from now on",
        (
            "⚠️ Diesel still executes, and reverts, a migration with `run_in_transaction = false` before it fails: "
            "remove the old folder"
        ),
        "to take that back: sqlmigrate adopt --undo",
    ]
