"""yoyo: SQL files with rollbacks, and a history of names. Files and rows are written by hand."""

from __future__ import annotations

from datetime import UTC, datetime

import psycopg
import pytest
from foreign_folder import details, found, put, refused, remarks, written
from project import Project

HISTORY = """\
create table _yoyo_migration (
    migration_hash varchar(64) primary key, migration_id varchar(255), applied_at_utc timestamp);"""
LOG = """\
create table _yoyo_log (
    id varchar(36) primary key, migration_hash varchar(64), migration_id varchar(255), operation varchar(10),
    username varchar(255), hostname varchar(255), comment varchar(255), created_at_utc timestamp);
create table yoyo_lock (locked int default 1 primary key, ctime timestamp, pid int not null);"""
TRUSTED = "adopted from yoyo; taken on trust: yoyo keeps no checksum"
FILES = {
    "0001_users.sql": "-- the users\ncreate table users (id int);\r\n",
    "0001_users.rollback.sql": "drop table users;\n",
    "0002_index.sql": "--depends: 0001_users\n -- transactional : false\n"
    "create index concurrently i on users (id);\nselect 1;\n",
    "0002_index.rollback.sql": "drop index i;\n",
    "0003_orders.sql": "-- depends: 0002_index\n\ncreate table orders (id int);\n-- transactional: false\n",
    "post-apply.sql": "select 'hook';\n",
}


def at(project: Project, *names: str) -> None:
    """Make the history, a row for each name, a minute apart."""
    project.execute(HISTORY)
    for minute, name in enumerate(names):
        when = f"2024-01-01 10:0{minute}"
        project.execute("insert into _yoyo_migration values (%s, %s, %s)", f"hash of {name}", name, when)


def test_files_and_history_are_taken_over(project: Project) -> None:
    """Directives count above the first statement; the rollback has the transaction of its migration."""
    put(project, "migrations", FILES)
    at(project, "0001_users", "0002_index")
    project.execute(LOG)
    for operation, user, minute in (("apply", "ann", 0), ("rollback", "bob", 1), ("apply", "eve", 2)):
        project.execute(
            "insert into _yoyo_log values (%s, 'hash of 0001_users', '0001_users', %s, %s, 'host', null, %s)",
            f"{minute}", operation, user, f"2024-01-01 10:0{minute}",
        )  # fmt: skip

    looked = project.call("adopt")
    ended = project.call("adopt", "--write")

    assert found(looked) == [
        "yoyo",
        "files     migrations/ · 3 migrations, to be converted",
        "history   _yoyo_migration · 2 executed, 1 pending",
    ]
    assert remarks(looked) == [
        "⚠️ migrations/0002_index.sql:2:2: `transactional: false` becomes the directive `no-transaction`",
        "⚠️ migrations/post-apply.sql is executed by yoyo after every run: it is not taken over",
    ]
    assert ended.code == 0, ended.stderr
    directive = "-- sqlmigrate: no-transaction\n"
    assert written(project) == {
        "0001_users.down.sql": "drop table users;\n",
        "0001_users.up.sql": "-- the users\ncreate table users (id int);\r\n",
        "0002_index.down.sql": directive + "drop index i;\n",
        "0002_index.up.sql": directive + FILES["0002_index.sql"],
        "0003_orders.up.sql": FILES["0003_orders.sql"],
    }
    assert list(project.states().values()) == ["executed", "executed", "pending"]
    assert details(project) == {"0001": TRUSTED, "0002": TRUSTED}
    assert project.query("select executed_at, executed_by from migrations order by version") == [
        (datetime(2024, 1, 1, 10, 0, tzinfo=UTC), "eve"),
        (datetime(2024, 1, 1, 10, 1, tzinfo=UTC), None),
    ]
    assert "0 files written, 0 migrations recorded" in project.call("adopt", "--write").stdout


def test_the_history_of_versions_before_6(project: Project) -> None:
    """It has the names, and the times."""
    put(project, "migrations", FILES)
    project.execute("create table _yoyo_migration (id varchar(191) not null primary key, ctime timestamp)")
    project.execute("insert into _yoyo_migration values ('0001_users', '2014-01-01 10:00')")

    assert project.call("adopt", "--write").code == 0

    assert project.value("select executed_at from migrations") == datetime(2014, 1, 1, 10, 0, tzinfo=UTC)


def test_the_order_is_that_of_the_dependencies_then_of_the_names(project: Project) -> None:
    """Generated names have a date and a number; a version stays where the order allows it."""
    put(
        project,
        "migrations",
        {
            "20240101_01_AbC12-first.sql": "select 1;\n",
            "20240101_02_xYz34-second.sql": "-- depends: 20240102_01_qQq99\n"
            "-- depends: 20240101_01_AbC12-first\nselect 2;\n",
            "20240102_01_qQq99.sql": "select 3;\n",
            "20240103_01_last.sql": "-- depends:\nselect 4;\n",
        },
    )

    assert project.call("adopt", "--write").code == 0

    assert written(project) == {
        "202401011_AbC12-first.up.sql": "-- before: 20240101_01_AbC12-first.sql\nselect 1;\n",
        "202401021_qQq99.up.sql": "-- before: 20240102_01_qQq99.sql\nselect 3;\n",
        "202401022_xYz34-second.up.sql": "-- before: 20240101_02_xYz34-second.sql\n"
        "-- depends: 20240102_01_qQq99\n-- depends: 20240101_01_AbC12-first\nselect 2;\n",
        "202401031_last.up.sql": "-- before: 20240103_01_last.sql\n-- depends:\nselect 4;\n",
    }


def test_python_is_an_obstacle_until_a_pair_takes_its_place(project: Project) -> None:
    """Its dependencies are read, and nothing of it is executed."""
    code = "from yoyo import step\n__depends__ = {'0003_c'}\nraise SystemExit\nsteps = [step('select 1')]\n"
    put(
        project, "migrations", {"0001_a.sql": "select 1;\n", "0002_b.py": code, "0003_c.sql": "select 3;\n", "x.py": ""}
    )
    at(project, "0001_a", "0003_c", "0002_b")

    assert remarks(project.call("adopt")) == [
        (
            "❌ migrations/0002_b.py is Python, not SQL: it is not executed here: "
            "write sql/0004_b.up.sql by hand in its place"
        )
    ]
    project.add("0004_b", "select 2;\n")
    assert project.call("adopt", "--write").code == 0
    assert list(written(project)) == ["0001_a.up.sql", "0003_c.up.sql", "0004_b.up.sql"]
    assert project.query("select version from migrations order by executed_at") == [("0001",), ("0003",), ("0004",)]


@pytest.mark.parametrize(
    ("files", "message"),
    [
        (
            {"1_a.sql": "-- depends: 2_b\nselect 1;\n"},
            "error: migrations/1_a.sql depends on `2_b`, which is not in this folder",
        ),
        (
            {"1_a.sql": "-- depends: 2_b\nselect 1;\n", "2_b.sql": "-- depends: 1_a\nselect 2;\n"},
            "error: migrations/1_a.sql depends on itself: its dependencies are a circle",
        ),
        (
            {"1_a.sql": "select 1;\n", "1_a.py": "from yoyo import step\n"},
            "error: migrations/1_a.py and migrations/1_a.sql have the same name",
        ),
    ],
)
def test_dependencies_that_cannot_be_met_are_obstacles(project: Project, files: dict[str, str], message: str) -> None:
    """Yoyo executes nothing then."""
    put(project, "migrations", files)
    at(project, "1_a")

    assert refused(project.call("adopt", "--write"))[0] == message


def test_its_lock_is_respected(project: Project) -> None:
    """Its lock is a row."""
    put(project, "migrations", FILES)
    at(project, "0001_users")
    project.execute(f"{LOG} insert into yoyo_lock values (1, now(), 4242)")

    assert refused(project.call("adopt", "--write")) == [
        "error: a run of yoyo is under way: it holds its lock (process 4242)",
        "nothing was changed",
        "hint    try again when it has ended",
        "next    sqlmigrate adopt --write",
    ]


def test_finish_refuses_its_lock_too(project: Project) -> None:
    """It takes the lock first, and records a migration after its transaction has ended."""
    put(project, "migrations", FILES)
    at(project, "0001_users")
    project.execute(LOG)
    project.call("adopt", "--write")

    assert project.call("adopt", "--finish").code == 0

    for statement in ("insert into yoyo_lock values (1, now(), 1)", "delete from _yoyo_migration"):
        with pytest.raises(psycopg.errors.RaiseException, match="looked after by sqlmigrate now"):
            project.execute(statement)
    assert project.call("adopt", "--undo", "--yes").code == 0
    project.execute("insert into yoyo_lock values (1, now(), 1)")
