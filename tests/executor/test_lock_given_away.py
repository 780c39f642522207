"""Files that give the lock of the run back: it is taken again in the same turn, or another run goes on."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import closing, suppress

import psycopg
import pytest
from held_lock import held
from pgbouncer import bouncer
from postgres_servers import Server
from project import Project, failure, finished, succeeded
from psycopg.conninfo import conninfo_to_dict
from waiting import until

from sqlmigrate.database import run_lock
from sqlmigrate.errors import LockError
from sqlmigrate.executor.events import Event, Finished, Noticed, StatementDone, StatementOpen, Waiting
from sqlmigrate.files.folder import load
from sqlmigrate.operations import up_down
from sqlmigrate.plan.plan import Limits, Planned

KEY = run_lock.lock_key("public.migrations")
ALONE = "-- sqlmigrate: no-transaction\n"
SETUP = """\
create table seen (who text, locks bigint);
create function held() returns bigint language sql as $$
  select count(*) from pg_locks
   where locktype = 'advisory' and granted and pid = pg_backend_pid() and mode = 'ExclusiveLock' $$;
create function give() returns void language plpgsql as $$ begin perform pg_advisory_unlock_all(); end $$;
create procedure give_and_commit() language plpgsql as $$
begin perform pg_advisory_unlock_all(); commit; end $$;
create function give_by_trigger() returns trigger language plpgsql as $$
begin perform pg_advisory_unlock_all(); return new; end $$;
create table watched (n int);
create trigger give before insert on watched for each row execute function give_by_trigger();
create table deferred (n int);
create constraint trigger give after insert on deferred deferrable initially deferred
  for each row execute function give_by_trigger();
"""
LOOK = "insert into seen values ('{}', held());"
UNLOCK = "select pg_advisory_unlock_all();"
EACH = "select pg_advisory_unlock((classid::bigint << 32) + objid::bigint) from pg_locks where locktype = 'advisory';"
FILES = {
    "in a transaction": UNLOCK,
    "one by one": EACH,
    "a block": "do $$ begin perform pg_advisory_unlock_all(); end $$;",
    "a function": "select give();",
    "a trigger": "insert into watched values (1);",
    "a deferred trigger": "insert into deferred values (1);",
    "discard all": "discard all;",
    "without a transaction": f"{ALONE}{UNLOCK}\n{LOOK.format('next')}",
    "one by one, without": f"{ALONE}{EACH}\n{LOOK.format('next')}",
    "a block without": f"{ALONE}do $$ begin perform pg_advisory_unlock_all(); end $$;\n{LOOK.format('next')}",
    "a function without": f"{ALONE}select give();\n{LOOK.format('next')}",
    "a trigger without": f"{ALONE}insert into watched values (1);\n{LOOK.format('next')}",
    "a procedure that commits": f"{ALONE}call give_and_commit();\n{LOOK.format('next')}",
    "discard all without": f"{ALONE}select 1;\ndiscard all;\n{LOOK.format('next')}",
}


@pytest.fixture(scope="module")
def session_pool(pgbouncer: str, postgres: Server) -> Iterator[str]:
    with bouncer(pgbouncer, postgres, "session") as url:
        yield url


def locks(project: Project) -> set[int]:
    """Say how many advisory locks were held when the statements after the one that gives them back were executed."""
    return {each for (each,) in project.query("select locks from seen")}


@pytest.mark.parametrize("step_by_step", [False, True], ids=["together", "one by one"])
@pytest.mark.parametrize("text", FILES.values(), ids=FILES)
def test_it_is_taken_again(text: str, project: Project, *, step_by_step: bool) -> None:
    """Up and down, the next statement without a transaction and the next file are executed under the lock."""
    project.add("001_a", SETUP).add("002_b", text, text)
    project.add("003_c", LOOK.format("after"), f"{ALONE}{LOOK.format('down')}").add("004_d", UNLOCK, text)

    events = project.up(step_by_step=step_by_step)
    assert succeeded(events) == ["001_a", "002_b", "003_c", "004_d"]
    assert succeeded(project.down(to="1", step_by_step=step_by_step)) == ["004_d", "003_c", "002_b"]

    assert locks(project) == {1}
    assert not [event.message for event in events if isinstance(event, Noticed)]
    # The process of a connection that was closed may live for a moment.
    until(lambda: project.value("select count(*) from pg_locks where locktype = 'advisory'") == 0)


@pytest.mark.parametrize("name", ["in a transaction", "discard all", "without a transaction"])
def test_it_is_taken_again_behind_a_session_pooler(name: str, project: Project, session_pool: str) -> None:
    """PgBouncer in session mode keeps our session, and so our lock."""
    through = project.at(f"{session_pool}{conninfo_to_dict(project.url)['dbname']}")
    project.add("001_a", SETUP).add("002_b", FILES[name]).add("003_c", f"{ALONE}{LOOK.format('after')}")
    assert succeeded(through.up()) == ["001_a", "002_b", "003_c"]
    assert locks(project) == {1}


def test_nothing_is_planned_twice(project: Project) -> None:
    """If no other run came between, the plan is told once, and `--steps` counts the files that were executed."""
    project.add("001_a", UNLOCK, UNLOCK).add("002_b", "select 2;", "select 2;").add("003_c", "select 3;", "select 3;")

    events = project.up(steps=2)
    assert (succeeded(events), sum(isinstance(event, Planned) for event in events)) == (["001_a", "002_b"], 1)
    assert succeeded(project.up()) == ["003_c"]
    assert succeeded(project.down(steps=2)) == ["003_c", "002_b"]


def test_a_dry_run_is_not_disturbed(project: Project) -> None:
    """Everything is rolled back, so there is nothing to guard."""
    project.add("001_a", UNLOCK).add("002_b", "create table b ();")
    assert succeeded(project.up(dry_run=True)) == ["001_a", "002_b"]


# -- another run has come between --------------------------------------------------------------------------------------


def until_event(events: Iterator[Event], kind: type[Event], label: str, number: int = 1) -> None:
    for event in events:
        if isinstance(event, kind) and event.step.label == label and getattr(event, "number", number) == number:
            return
    raise AssertionError("no such event")


def test_another_run_has_it_after_a_transaction(project: Project) -> None:
    """The file is committed, guarded by its row; the next one waits for the other run, and is not executed."""
    project.add("001_a", UNLOCK).add("002_b", "create table b ();")
    with closing(project.running_up(step_by_step=True, limits=Limits(lock_wait=0.1))) as events:
        until_event(events, StatementDone, "001_a")
        with held(project):
            told: list[Event] = []
            with pytest.raises(LockError) as caught:
                told.extend(events)
    assert caught.value.exit_code == 4
    assert project.recorded() == [("001", "executed")]
    assert succeeded(project.up()) == ["002_b"]


def test_it_waits_for_the_other_run(project: Project) -> None:
    """When the other run gives the lock back, it goes on; what the other one has executed is not executed again."""
    project.add("001_a", UNLOCK).add("002_b", "create table b ();").add("003_c", "create table c ();")
    with closing(project.running_up(step_by_step=True)) as events:
        until_event(events, StatementDone, "001_a")
        with held(project):
            for event in events:
                if isinstance(event, Waiting):
                    break
            with psycopg.connect(project.url) as other:
                other.execute(
                    "create table b (); insert into migrations (version, name, status, checksum, statements, "
                    "statements_done, executed_at) values ('002', 'b', 'executed', %s, 1, 1, now())".replace(
                        "%s", f"'{load(project.folder)[1].checksum}'"
                    )
                )
        rest = list(events)
    assert finished(rest) == ["003_c"]
    assert [len(event.plan.steps) for event in rest if isinstance(event, Planned)] == [1]


def test_another_run_has_it_in_the_middle_of_a_file(project: Project) -> None:
    """Without a transaction the statement is rolled back with its record: it is the other run that executes it."""
    text = f"{ALONE}insert into seen values ('one');\n{UNLOCK[:-1]}, 'two';\ninsert into seen values ('three');"
    project.add("001_a", "create table seen (who text);").add("002_b", text)
    with closing(project.running_up(step_by_step=True, limits=Limits(lock_wait=0.1))) as events:
        until_event(events, StatementOpen, "002_b", 2)
        with held(project), pytest.raises(LockError):
            list(events)
    assert project.query("select status, statements_done from migrations where version = '002'") == [("running", 1)]
    assert succeeded(project.up()) == ["002_b"]
    assert project.query("select who from seen") == [("one",), ("three",)]


FAILS = f"""\
{ALONE}create table b ();
do $$ begin
  perform pg_advisory_unlock_all();
  perform pg_advisory_lock(7);
  raise exception 'enough';
end $$;
"""


def test_a_failure_is_not_written_over_the_work_of_another_run(project: Project) -> None:
    """If the failing statement has given the lock back, and another run has it, the row is left to that run."""
    project.add("001_a", "select 1;").up()
    project.add("002_b", FAILS)
    events: list[Event] = []
    with psycopg.connect(project.url, autocommit=True) as other:
        other.execute("select pg_advisory_lock(7)")
        running = threading.Thread(target=lambda: events.extend(project.up()))
        running.start()
        waiting = "select count(*) from pg_locks where locktype = 'advisory' and not granted"
        until(lambda: other.execute(waiting).fetchone() == (1,))
        other.execute("select pg_advisory_lock(%s)", [KEY])
        other.execute("update migrations set statements_done = 2, error = 'of another run' where version = '002'")
        other.execute("select pg_advisory_unlock(7)")
        running.join()
    failed = failure(events)
    assert failed.error.message == "enough"
    assert failed.error.detail[-1] == (
        "the failure could not be written to the history: another run continues this migration"
    )
    assert project.query("select status, statements_done, error from migrations where version = '002'") == [
        ("running", 2, "of another run")
    ]


def test_two_runs_at_once_execute_each_file_once(project: Project) -> None:
    """Two runs of files that give the lock back, again and again: each statement is executed once."""
    project.add("001_a", "create table seen (who text);").up()
    for number in range(2, 12):
        head = ALONE if number % 2 else ""
        project.add(f"{number:03}_b", f"{head}{UNLOCK}\ninsert into seen values ('{number}');\nselect 1;")

    def run() -> None:
        with suppress(LockError):
            list(up_down.up(project.url, load(project.folder)))

    threads = [threading.Thread(target=run) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    project.up()
    assert project.query("select who::int from seen order by 1") == [(number,) for number in range(2, 12)]
    assert {status for _, status in project.recorded()} == {"executed"}


def test_closing_after_a_lost_lock(project: Project) -> None:
    """Whoever stops reading after the file finds it executed, and the next one, which was sent already, rolled back."""
    project.add("001_a", UNLOCK).add("002_b", "create table b ();\nselect pg_sleep(60);")
    with closing(project.running_up()) as events:
        until_event(events, Finished, "001_a")
    assert project.recorded() == [("001", "executed")]
