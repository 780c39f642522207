"""A history that an older version has created: looking leaves it alone, the next command that writes alters it."""

from __future__ import annotations

from pathlib import Path

import psycopg
import pytest
from project import Project, at_once, succeeded, told

from sqlmigrate.database.session import Session, connect
from sqlmigrate.errors import ServerError
from sqlmigrate.executor.events import Recovered
from sqlmigrate.history import read, table
from sqlmigrate.history.state import State
from sqlmigrate.operations import repair
from sqlmigrate.plan.plan import Limits

COLUMNS = (
    "select attname from pg_attribute where attrelid = 'migrations'::regclass and attname in ('making', 'unfinished')"
)
ALTERATION = 'alter table "public"."migrations" rename column making to unfinished'


@pytest.fixture
def older(every_database: str, tmp_path: Path) -> Project:
    """A project with a migration executed by an older version, and another one pending."""
    project = Project(tmp_path / "sql", every_database).add_tables("a")
    project.up()
    project.execute("alter table migrations rename column unfinished to making")
    return project.add_tables("a", "b")


def _column(project: Project) -> str:
    found: str = project.value(COLUMNS)
    return found


@pytest.mark.parametrize(
    ("command", "said"),
    [
        ("status", "✅ 001_a   executed"),
        ("verify", "agrees with the files"),
        ("log", "up        001_a"),
        ("up --dry-run", "1 tried and rolled back"),
    ],
)
def test_looking_leaves_it_alone(command: str, said: str, older: Project) -> None:
    """What only looks, and what is rolled back, works with the older table and does not alter it."""
    ended = older.call(*command.split())

    assert (ended.code, ended.stderr) == (0, "")
    assert said in ended.stdout
    assert _column(older) == "making"


def test_an_up_with_nothing_to_do_leaves_it_alone(older: Project) -> None:
    """Nothing is written, so nothing is altered."""
    older.remove("002_b")

    assert succeeded(older.up()) == []
    assert _column(older) == "making"


WRITING = {
    "up": ["up"],
    "down": ["down"],
    "repair": ["repair", "1", "--yes"],
    "baseline": ["baseline", "2", "--yes"],
}


@pytest.mark.parametrize("name", WRITING)
def test_the_next_command_that_writes_alters_it(name: str, older: Project) -> None:
    """It is altered before anything is written, and nothing is asked or said about it."""
    older.add("001_a", "create table a (id bigint);" if name == "repair" else "create table a (id int);")

    ended = older.call(*WRITING[name])

    assert (ended.code, ended.stderr) == (0, "")
    assert _column(older) == "unfinished"
    assert older.call("status").code == 0


def test_a_run_that_an_older_version_began_is_continued(older: Project) -> None:
    """What the older version has noted of a statement that it did not finish is still understood."""
    older.add("002_b", "-- sqlmigrate: no-transaction\ncreate index concurrently i on a (id);\nselect 1;")
    older.execute("create index i on a (id)")
    older.execute(
        "insert into migrations (version, name, status, statements, statements_done, making, up_sql) "
        "values ('002', 'b', 'running', 2, 0, '1 none', '')"
    )

    events = older.up()

    assert [event.message for event in events if isinstance(event, Recovered)] == ["the last run had created i already"]
    assert succeeded(events) == ["002_b"]
    assert older.query("select status, unfinished from migrations where version = '002'") == [("executed", None)]


def test_a_role_that_may_not_alter_it(older: Project) -> None:
    """It gets the SQL for its DBA before anything is executed; what that SQL does is enough."""
    role = f"deploy_{older.value('select current_database()')}"
    older.execute(f"create role {role} login")
    try:
        older.execute(f"grant create, usage on schema public to {role}")
        older.execute(f"grant select, insert, update, delete on migrations, migrations_log to {role}")
        deploy = older.at(psycopg.conninfo.make_conninfo(older.url, user=role))

        assert deploy.call("status").code == 0
        with pytest.raises(ServerError) as refused:
            deploy.up()
        assert told(refused.value).replace(role, "deploy") == (
            "the history public.migrations was created by an older version of sqlmigrate, "
            "and the role deploy may not alter it\n"
            "  nothing was changed\n"
            "  hint: its owner executes this once:\n"
            f"  next: psql: {ALTERATION};"
        )
        with pytest.raises(ServerError):
            repair.baseline(deploy.url, (), "1")
        assert (_column(older), older.relations()) == ("making", {"a"})

        older.execute(refused.value.next_steps[0].removeprefix("psql: "))
        assert succeeded(deploy.up()) == ["002_b"]
    finally:
        older.execute(f"drop owned by {role} cascade")
        older.execute(f"drop role {role}")


def test_a_member_of_the_role_that_owns_it_may_alter_it(older: Project) -> None:
    """As PostgreSQL has it: what matters is the right of an owner, not the name."""
    role = f"member_{older.value('select current_database()')}"
    older.execute(f"create role {role} login in role postgres")
    try:
        member = older.at(psycopg.conninfo.make_conninfo(older.url, user=role))
        assert succeeded(member.up()) == ["002_b"]
        assert _column(older) == "unfinished"
    finally:
        older.execute(f"drop owned by {role} cascade")
        older.execute(f"drop role {role}")


def test_two_runs_at_once(older: Project) -> None:
    """One alters the table, the other one finds it altered; the migration is executed once."""
    done = at_once(older.up, older.up, older.up)

    assert sorted(succeeded(events) for events in done) == [[], [], ["002_b"]]
    assert _column(older) == "unfinished"


def test_it_is_altered_between_reading_it_and_the_lock(older: Project) -> None:
    """A run that has read the older table finds it altered when it gets the lock, reads it again, and goes on."""
    running = older.running_up()
    planned = next(running)
    older.execute(ALTERATION)

    assert succeeded([planned, *running]) == ["002_b"]


def test_two_sessions_alter_it_without_a_lock(older: Project) -> None:
    """Behind a pooler no lock keeps runs apart: who comes second finds nothing left to do."""
    with connect(older.url) as first, connect(older.url) as second:
        histories = [read.read(session, "migrations").history for session in (first, second)]
        assert [history.unfinished for history in histories] == ["making", "making"]

        ready = [
            table.make_ready(session, history, "5s")
            for session, history in zip((first, second), histories, strict=True)
        ]

        assert [history.unfinished for history in ready] == ["unfinished", "unfinished"]
        assert [len(read.executions(session, ready[0])) for session in (first, second)] == [1, 1]


def test_it_is_altered_between_looking_for_it_and_reading_it(older: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    """`status` looks for the table in one round trip and reads it in the next; in between it may be altered."""
    finding = read.find

    def find_and_alter(session: Session, setting: str) -> State:
        found = finding(session, setting)
        if found.history.is_older:
            older.execute(ALTERATION)
        return found

    monkeypatch.setattr(read, "find", find_and_alter)

    assert older.states() == {"001_a": "executed", "002_b": "pending"}
    older.execute("alter table migrations rename column unfinished to making")
    with connect(older.url) as session:
        assert len(read.read(session, "migrations").executions) == 1


def test_another_session_uses_the_table(older: Project) -> None:
    """A backup, for one, keeps it from being altered: after the lock timeout it is told so, and nothing is executed."""
    with older.connection() as backup, backup.transaction():
        backup.execute("lock table migrations in access share mode")

        with pytest.raises(ServerError) as refused:
            older.up(limits=Limits(lock_timeout="50ms"))

    assert told(refused.value) == (
        "the history public.migrations was created by an older version, and could not be altered: "
        "another session uses it\n"
        f"  {ALTERATION};\n"
        "  did not get its lock within 50ms\n"
        "  nothing was executed by this run\n"
        "  hint: try again when no backup and no other session reads that table"
    )
    assert (_column(older), older.relations()) == ("making", {"a"})
    assert succeeded(older.up()) == ["002_b"]


@pytest.mark.parametrize("change", ["add column more text", "add column unfinished text"])
def test_an_older_table_with_more_columns(change: str, older: Project) -> None:
    """It is ours as well, and is brought up to date unless it has the new column already."""
    older.execute(f"alter table migrations {change}")

    assert succeeded(older.up()) == ["002_b"]
    assert "unfinished" in {name for (name,) in older.query(COLUMNS)}


def test_an_older_table_without_the_column(older: Project) -> None:
    """It has neither `making` nor `unfinished`: something has dropped it, so the history may lack what it had noted."""
    older.execute("alter table migrations drop column making")

    with pytest.raises(ServerError) as refused:
        older.up()

    assert told(refused.value) == (
        "the history public.migrations lacks the column `unfinished`\n"
        "  something has renamed or dropped what sqlmigrate has created\n"
        "  a history that begins empty would execute every migration again\n"
        "  nothing was changed\n"
        "  hint: restore the table from a backup"
    )


def test_a_new_history_has_the_new_column(older: Project) -> None:
    """What is created today is not altered tomorrow."""
    older.up(table="other", into_existing=True)

    assert older.value(COLUMNS.replace("'migrations'", "'other'")) == "unfinished"
