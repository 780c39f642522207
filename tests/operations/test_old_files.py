"""Files that were executed long ago are not judged by today's checks: they load, are shown, and stay."""

from __future__ import annotations

import pytest
from in_process import Quick
from project import Project

from sqlmigrate.files.migration import checksum

MIXED = "create table users (id int);\ncreate index concurrently users_id on users (id);\n"
BOTH = "-- migrate:up\ncreate table orders (id int);\n-- migrate:down\ndrop table orders;\n"
COMMITS = "create table items (id int);\ncommit;\ncreate table lines (id int);\n"

NOTES = """\
sql/002_users.up.sql:2:1: `CREATE INDEX CONCURRENTLY` cannot run in a transaction, but its file has other statements
sql/003_orders.up.sql:3:1: this file keeps both directions, as dbmate does: `up` would also execute the statements \
below `-- migrate:down`
sql/004_items.up.sql:2:1: `COMMIT` would end the transaction of the migration
sql/004_items.down.sql:2:1: `COMMIT` would end the transaction of the migration: remove it: the file and its history \
row are committed together (BEGIN and COMMIT around the whole file are allowed)
""".splitlines()


@pytest.fixture
def old(project: Project) -> Project:
    """Three executed migrations, each of which today's checks refuse, and a pending one."""
    project.add_tables("a").up()
    texts = {"002_users": MIXED, "003_orders": BOTH, "004_items": COMMITS}
    for label, text in texts.items():
        version, _, name = label.partition("_")
        project.add(label, text, "drop table nothing;\ncommit;\n" if label == "004_items" else None)
        project.execute(
            "insert into migrations (version, name, status, checksum, up_sql, executed_at) "
            "values (%s, %s, 'executed', %s, %s, now())", version, name, checksum(text), text,
        )  # fmt: skip
        project.execute("insert into migrations_log (action, version, name) values ('up', %s, %s)", version, name)
    return project.add("005_b", "create table b (id int);", "drop table b;")


def test_verify_notes_them(old: Project) -> None:
    """Each fault is a note with its place; an executed file must not be edited, so only a down file has a cure."""
    ended = old.call("verify")

    assert ended.code == 0, ended.stderr
    notes = [line.removeprefix("⚠️ note: ") for line in ended.stdout.splitlines() if "note" in line]
    assert notes == NOTES
    assert "5 migrations in sql/: all pending files are valid" in ended.stdout


def test_a_pending_file_with_the_same_fault_is_an_error(old: Project) -> None:
    """What `up` would execute is judged."""
    old.add("005_b", COMMITS)

    ended = old.call("verify")

    assert ended.code == 1
    assert "sql/005_b.up.sql:2:1" in ended.stderr
    assert "002_users" not in ended.stderr


def test_up_goes_on(old: Project) -> None:
    """The faults of executed files stop no `up`."""
    assert old.call("up").code == 0
    assert "b" in old.relations()


def test_down_says_what_is_wrong_with_the_file_that_it_would_execute(old: Project) -> None:
    """Only when it would be executed."""
    ended = old.call("down")

    assert ended.code == 1
    assert "sql/004_items.down.sql:2:1" in ended.stderr


def test_without_a_database_every_file_is_judged(old: Project) -> None:
    """What is executed is not known there."""
    ended = Quick(old.folder.parent, {})("verify")

    assert ended.code == 1
    assert "sql/002_users.up.sql:2:1" in ended.stderr
