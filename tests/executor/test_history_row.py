"""A file that deletes or changes its own history row, or ends its transaction, is told exactly that; a user's own
error is not mistaken for it.
"""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from project import Project, failure, succeeded, told

from sqlmigrate.database.activity import Observer
from sqlmigrate.database.session import connect
from sqlmigrate.errors import Kind
from sqlmigrate.executor.events import Failed, Observation
from sqlmigrate.executor.executor import Executor
from sqlmigrate.files.migration import Migration
from sqlmigrate.history import read
from sqlmigrate.parsing.script import Script
from sqlmigrate.parsing.splitter import split
from sqlmigrate.plan.plan import Limits, Step
from sqlmigrate.source import Source

ALONE = "-- sqlmigrate: no-transaction\n"
ALL_AT_ONCE = pytest.mark.parametrize("step_by_step", [False, True], ids=["at once", "step by step"])


@pytest.fixture
def project(every_database: str, tmp_path: Path) -> Project:
    return Project(tmp_path / "sql", every_database)


def _place(failed: Failed) -> str:
    span = failed.error.span
    assert span is not None
    return f"{span.line}:{span.column} {span.text}" if span.end else "the file"


# -- an error of the user's own ----------------------------------------------------------------------------------------

DIVIDING = """\
create table shares (total int, count int);
create function share() returns trigger language plpgsql as $$
begin
  perform new.total / new.count;
  return null;
end $$;
create constraint trigger checked after insert on shares
  deferrable initially deferred for each row execute function share();
"""


@ALL_AT_ONCE
def test_a_division_by_zero_in_a_deferred_trigger(project: Project, *, step_by_step: bool) -> None:
    """A user's own division by zero at the end of the transaction is reported with its message and context."""
    project.add("001_a", DIVIDING).add("002_b", "insert into shares values (1, 1);\ninsert into shares values (1, 0);")

    failed = failure(project.up(step_by_step=step_by_step))

    assert failed.error.message == "division by zero"
    assert failed.error.sqlstate == "22012"
    assert dict(failed.error.fields)["context"].splitlines()[-1] == "PL/pgSQL function share() line 3 at PERFORM"
    assert (_place(failed), failed.number, failed.kept) == ("the file", 0, ())
    assert project.query("select count(*) from shares") == [(0,)]
    assert project.query("select status, error from migrations where version = '002'") == [
        ("failed", "division by zero")
    ]


def test_its_place_is_the_function_that_failed(project: Project) -> None:
    """If the file defines the trigger's function, the error points at it."""
    project.add("001_a", f"{DIVIDING}insert into shares values (1, 0);")

    assert _place(failure(project.up())) == "2:17 share"


def test_a_division_by_zero_without_a_transaction(project: Project) -> None:
    """The same without a transaction: the trigger fires at the COMMIT of the statement, and the error points at it."""
    project.add("001_a", DIVIDING).add("002_b", f"{ALONE}select 1;\ninsert into shares values (1, 0);")

    failed = failure(project.up())

    assert (failed.error.message, failed.error.sqlstate) == ("division by zero", "22012")
    assert (_place(failed), failed.number) == ("3:1 insert", 2)
    assert failed.kept == ("statement 1 is executed and stays",)


def test_a_cast_of_a_user_that_fails(project: Project) -> None:
    """A cast that fails in a deferred trigger has the code of our own error, and is not taken for it."""
    project.add("001_a", DIVIDING.replace("perform new.total / new.count", "perform concat('sqlmigrate: ', 'x')::int"))
    project.add("002_b", "insert into shares values (1, 0);")

    assert failure(project.up()).error.message == 'invalid input syntax for type integer: "sqlmigrate: x"'


# -- a file that spoils its row ----------------------------------------------------------------------------------------

SPOILING = {
    "deletes": ("create table b ();\ndelete from migrations;", "2:13 migrations"),
    "deletes from the qualified table": (
        'delete from "public"."migrations" where version = \'002\'',
        '1:22 "migrations"',
    ),
    "deletes in a block": ("do $$ begin\n  execute 'delete from ' || 'migr' || 'ations';\nend $$", "the file"),
    "truncates": ("truncate migrations;\ncreate table b ();", "1:10 migrations"),
    "changes its status": ("update migrations set status = 'failed' where version = '002';", "1:8 migrations"),
    "changes its version": ("update migrations set version = '003' where version = '002';", "1:8 migrations"),
}


@ALL_AT_ONCE
@pytest.mark.sampled(2)
@pytest.mark.parametrize("name", SPOILING)
def test_a_file_that_spoils_its_row(name: str, project: Project, *, step_by_step: bool) -> None:
    """The whole file is rolled back; the message says what it does, and the caret is under the table's name."""
    text, place = SPOILING[name]
    project.add_tables("a").up()
    project.add("002_b", text)

    failed = failure(project.up(step_by_step=step_by_step))

    does = "changes" if "status" in name else "deletes"
    assert told(failed.error) == (
        f"002_b: something in the file {does} its row in the history public.migrations\n"
        "  hint: take that statement out: sqlmigrate writes its history itself\n"
        "  next: fix the file, then: sqlmigrate up"
    )
    assert (_place(failed), failed.kept) == (place, ())
    assert project.recorded() == [("001", "executed"), ("002", "failed")]
    assert project.relations() == {"a"}


@ALL_AT_ONCE
def test_without_a_transaction(project: Project, *, step_by_step: bool) -> None:
    """The statement that deletes the row is rolled back together with its record; what was done before stays."""
    project.add("001_a", f"{ALONE}create table a ();\ndelete from migrations;\ncreate table b ();")

    failed = failure(project.up(step_by_step=step_by_step))

    assert told(failed.error) == (
        "001_a: something in the file deletes its row in the history public.migrations\n"
        "  hint: take that statement out: sqlmigrate writes its history itself\n"
        "  next: fix the file or the data (it goes on at statement 2), then: sqlmigrate up"
    )
    assert (_place(failed), failed.number) == ("3:13 migrations", 2)
    assert failed.kept == ("statement 1 is executed and stays",)
    assert project.query("select status, statements_done from migrations") == [("failed", 1)]
    assert project.relations() == {"a"}

    project.add("001_a", f"{ALONE}create table a ();\ncreate table b ();")
    assert succeeded(project.up()) == ["001_a"]


def test_a_procedure_that_deletes_the_row_and_commits(project: Project) -> None:
    """A procedure that commits has deleted the row for good: the message says so, and the failure is written to a new
    row.
    """
    project.add("001_a", "create procedure p() language plpgsql as 'begin delete from migrations; commit; end'").up()
    project.add("002_b", f"{ALONE}create table b ();\ncall p();\ncreate table c ();")

    failed = failure(project.up())

    assert failed.error.message == "002_b: something in the file deletes its row in the history public.migrations"
    assert (failed.number, project.relations()) == (2, {"b"})
    assert project.query("select version, status, statements_done from migrations") == [("002", "failed", 1)]


def test_without_a_transaction_the_history_is_dropped(project: Project) -> None:
    """A statement that drops the history is rolled back together with its record, and the message says so."""
    project.add("001_a", f"{ALONE}create table a ();\ndrop table migrations;")

    failed = failure(project.up())

    assert failed.error.message == "001_a: something in the file drops or moves the history public.migrations"
    assert (_place(failed), failed.number) == ("3:12 migrations", 2)
    assert project.recorded() == [("001", "failed")]


@pytest.mark.parametrize("alone", ["", ALONE], ids=["in a transaction", "without"])
def test_a_down_file_that_deletes_the_row(alone: str, project: Project) -> None:
    """Other tools ask for such a statement; the down is rolled back, and the row stays."""
    project.add("001_a", "create table a ();", f"{alone}delete from migrations where version = '001';\ndrop table a;")
    project.up()

    failed = failure(project.down())

    assert failed.error.message == "001_a: something in the file deletes its row in the history public.migrations"
    assert failed.error.next_steps[0].endswith(", then: sqlmigrate down")
    assert project.recorded() == [("001", "executed")]
    assert project.logged() == [("up", "001"), ("failure", "001")]
    assert project.relations() == {"a"}


def test_a_down_file_that_deletes_the_row_for_good(project: Project) -> None:
    """Another `down` would roll back another migration, so the next step is `status`."""
    project.add("001_a", "create procedure p() language plpgsql as 'begin delete from migrations; commit; end'")
    project.add("002_b", "create table b ();", f"{ALONE}drop table b;\ncall p();\nselect 1;").up()

    failed = failure(project.down())

    assert failed.error.message == "002_b: something in the file deletes its row in the history public.migrations"
    assert failed.error.next_steps == ("sqlmigrate status",)
    assert (failed.number, failed.kept) == (
        2,
        (
            "statement 1 is executed and stays",
            "what statement 2 has committed itself stays; the next run executes the whole statement again",
        ),
    )


def test_the_log_does_not_take_its_entry(project: Project) -> None:
    """A trigger that swallows the entries of the log is named, not the file."""
    project.add_tables("a").up()
    project.execute("create function swallow() returns trigger language plpgsql as 'begin return null; end'")
    project.execute("create trigger t before insert on migrations_log for each row execute function swallow()")
    project.add("002_b", "create table b ();")

    assert told(failure(project.up()).error) == (
        "002_b: the log public.migrations_log did not take its entry\n"
        '  hint: look for a trigger, a rule or a policy on it: psql: \\d "public"."migrations_log"\n'
        "  next: fix the file, then: sqlmigrate up"
    )


# -- a file that ends its transaction ----------------------------------------------------------------------------------


def _unchecked(project: Project, text: str, **options: Any) -> Failed:
    """Execute a file without the checks that refuse `COMMIT` and its like before anything is executed."""
    source = Source("sql/002_b.up.sql", text)
    script = Script(source, tuple(split(source)), "transaction")
    step = Step("up", "002", "002_b", script, Migration("002", "b", source, None))
    with connect(project.url) as session, closing(Observer(project.url)) as observer:
        state = read.read(session, "migrations")
        executor = Executor(session, state, Limits(), Observation(observer=observer, **options))
        *_, last = executor.execute(step)
    assert isinstance(last, Failed)
    return last


@ALL_AT_ONCE
@pytest.mark.parametrize("control", ["commit", "rollback", "rollback; begin", "commit; begin"])
def test_a_file_that_ends_its_transaction(control: str, project: Project, *, step_by_step: bool) -> None:
    """The message says so, also if the file begins another transaction; the row is `failed`, and the message warns
    that a part may be committed.
    """
    project.add_tables("a").up()

    failed = _unchecked(project, f"create table b ();\n{control};\ncreate table c ();", is_step_by_step=step_by_step)

    assert told(failed.error) == (
        "002_b: something in the file ended the transaction, which its history row belongs to\n"
        "  hint: take out what commits or rolls back, or let each statement run by itself: "
        "-- sqlmigrate: no-transaction\n"
        "  next: fix the file, then: sqlmigrate up"
    )
    assert failed.error.kind is Kind.TRANSACTION_ENDED
    assert failed.kept == ("what the file did before it ended the transaction may be committed: look before you go on",)
    assert project.recorded() == [("001", "executed"), ("002", "failed")]
    committed = {"b"} if "commit" in control else set()
    assert committed <= project.relations()
    assert project.relations() - committed <= {"a", "c"}
