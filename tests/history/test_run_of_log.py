"""What the log calls a run: the same in all of its entries. A log of an older version has no column for it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import psycopg
import pytest
from project import Project

from sqlmigrate.database.session import connect
from sqlmigrate.history import read, table

HAS_COLUMN = "select count(*) from pg_attribute where attrelid = 'migrations_log'::regclass and attname = 'run'"


@pytest.fixture
def older(every_database: str, tmp_path: Path) -> Project:
    """A project with a migration executed by an older version, and another one pending."""
    project = Project(tmp_path / "sql", every_database).add_tables("a")
    project.up()
    project.execute("alter table migrations_log drop column run")
    return project.add_tables("a", "b")


def _runs(project: Project) -> list[str | None]:
    return [run for (run,) in project.query("select run from migrations_log order by id")]


def test_all_entries_of_a_run_have_one_name(project: Project) -> None:
    """Also those of its failure; the next run has another one."""
    project.add_tables("a", "b").add("003_c", "select nothing;").up()
    project.down()

    first, second, failure, down = _runs(project)

    assert first == second == failure != down
    assert [len(run or "") for run in (first, down)] == [12, 12]


def test_log_shows_it(project: Project) -> None:
    """On the screen behind who called it, and in JSON."""
    project.add_tables("a").up()
    (run,) = _runs(project)

    screen, (entry,) = project.call("log").stdout, json.loads(project.call("log", "--format", "json").stdout)

    assert f", run {run}\n" in screen
    assert entry["run"] == run


@pytest.mark.parametrize("command", ["status", "verify", "log", "up --dry-run", "drift"])
def test_looking_leaves_an_older_log_alone(command: str, older: Project) -> None:
    """What only looks, and what is rolled back, works without the column."""
    assert older.call(*command.split()).code == 0
    assert older.value(HAS_COLUMN) == 0


@pytest.mark.parametrize(
    "command", [["up"], ["down"], ["repair", "1", "--yes"], ["baseline", "2", "--yes"]], ids=lambda words: str(words[0])
)
def test_the_next_command_that_writes_adds_it(command: list[str], older: Project) -> None:
    """Nothing is asked or said about it; what was written before has no name."""
    older.add("001_a", "create table a (id bigint);" if command[0] == "repair" else "create table a (id int);")

    ended = older.call(*command)

    assert (ended.code, ended.stderr) == (0, "")
    before, *after = _runs(older)
    assert before is None
    assert [len(run or "") for run in after] == [12]
    assert older.call("log").code == 0


def test_while_another_session_reads_the_log_a_run_does_without(older: Project) -> None:
    """It does not wait for the lock; the next run adds the column."""
    with psycopg.connect(older.url) as reader:
        reader.execute("select from migrations_log")
        assert older.call("up").code == 0

    assert older.value(HAS_COLUMN) == 0
    older.down()
    assert _runs(older)[:2] == [None, None]
    assert older.value(HAS_COLUMN) == 1


@pytest.fixture
def deploy(older: Project) -> Iterator[Project]:
    """The same project for a role that may write the history, and does not own it."""
    role = f"deploy_{older.value('select current_database()')}"
    older.execute(f"create role {role} login")
    older.execute(f"grant create, usage on schema public to {role}")
    older.execute(f"grant select, insert, update, delete on migrations, migrations_log, migrations_schema to {role}")
    yield older.at(psycopg.conninfo.make_conninfo(older.url, user=role))
    older.execute(f"drop owned by {role} cascade")
    older.execute(f"drop role {role}")


def test_a_role_that_may_not_alter_the_log_does_without(deploy: Project) -> None:
    ended = deploy.call("up", "--drift", "off")  # the grants are a change by hand

    assert (ended.code, ended.stderr) == (0, "")
    assert deploy.call("log").code == 0
    assert deploy.value(HAS_COLUMN) == 0


def test_if_another_run_has_added_it_meanwhile_it_is_used(project: Project) -> None:
    project.add_tables("a").up()
    with connect(project.url) as session:
        history = read.find(session, "migrations").history
        ready = table.make_ready(session, replace(history, run_column="may be added"), "1s")

    assert ready.run_column == "there"


def test_a_caller_can_name_it(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    """A fleet gives all of its runs one name."""
    monkeypatch.setattr("sqlmigrate.database.session.new_run", _never)
    list(project.add_tables("a").running_up(run="release 7"))

    assert _runs(project) == ["release 7"]


def _never() -> str:
    raise AssertionError("the name was given")
