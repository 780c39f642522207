"""One run at a time for one history: the lock, the wait, its holder, and what keeps a second run out without it."""

from __future__ import annotations

import re
import threading
from contextlib import ExitStack, closing

import psycopg
import pytest
from held_lock import held
from project import Project, at_once, finished, succeeded, told
from terminal import Terminal
from waiting import until

from sqlmigrate import load
from sqlmigrate.database import run_lock
from sqlmigrate.errors import LockError
from sqlmigrate.executor.events import Waiting
from sqlmigrate.operations import repair
from sqlmigrate.plan.plan import Limits, Planned

HOLDER = r"process (\d+) \((.+), user postgres, local socket, since TIME UTC\)"


def locks(project: Project) -> int:
    """Count the advisory locks of the database."""
    return project.value("""\
        select count(*) from pg_locks where locktype = 'advisory'
           and database = (select oid from pg_database where datname = current_database())""")


# -- nothing to do -----------------------------------------------------------------------------------------------------


def test_nothing_to_do_takes_no_lock(project: Project) -> None:
    """While another run holds the lock, `up` and `down` with nothing to do succeed without waiting."""
    project.add_tables("a").up()
    with held(project):
        (planned,) = project.up()
        assert [type(event) for event in project.down(to="1")] == [Planned]
    assert isinstance(planned, Planned)


@pytest.mark.parametrize("command", ["status", "verify", "log"])
def test_looking_takes_no_lock(command: str, project: Project) -> None:
    """While another run holds the lock, every command that looks succeeds without waiting."""
    project.add_tables("a").up()
    with held(project):
        assert project.call(command).code == 0


# -- the wait ----------------------------------------------------------------------------------------------------------


def test_the_wait_is_bounded_and_names_the_holder(project: Project) -> None:
    """Exit 4 after the given time; the message has process, application, user, host, time and how to end it."""
    project.add_tables("a")
    with held(project) as pid:
        ended = project.call("up", "--lock-wait", "500ms")

    holder = (
        rf"   process {pid} \(deploy 7, user postgres, local socket, since [-0-9: ]{{19}} UTC\)\n"
        r"   idle, no transaction: select pg_advisory_lock\(\$1\)\n"
        r"   if its program is gone, end the session:\n"
        rf"   select pg_terminate_backend\(pid\) from pg_stat_activity where pid = {pid} and backend_start = '.+';\n"
    )
    assert ended.code == 4
    assert re.fullmatch(
        rf"⏳ another run holds the lock, waiting up to 0\.5 s for it:\n{holder}"
        rf"error: another run still holds the lock after 0\.5 s\n{holder}"
        r"   nothing was executed by this run\n"
        r"   hint    run it again when the other run has ended, or wait longer: SQLMIGRATE_LOCK_WAIT=10min\n\n",
        ended.stderr,
    )
    assert project.relations() == set()


class Clock:
    """A clock that advances only while its user sleeps."""

    def __init__(self) -> None:
        self.now = 0.0

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


@pytest.mark.parametrize("seconds", [0, 0.1, 60])
def test_the_wait_lasts_as_long_as_it_may(seconds: float, project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    """The run gives up when it asks for the first time after the given time, and not before."""
    clock = Clock()
    monkeypatch.setattr(run_lock, "time", clock)
    with held(project), pytest.raises(LockError):
        project.add_tables("a").up(limits=Limits(lock_wait=seconds))

    assert seconds <= clock.now <= seconds + run_lock.POLL_SECONDS


def test_the_wait_ends_when_the_other_run_does(project: Project) -> None:
    """The waiting run reports once that it waits, then executes."""
    project.add_tables("a")
    with held(project), closing(project.running_up()) as events:
        assert isinstance(next(events), Planned)
        waiting = next(events)
    assert isinstance(waiting, Waiting)
    assert re.fullmatch(HOLDER, re.sub(r"[-0-9]{10} [:0-9]{8}", "TIME", str(waiting.holder)))

    told_events: list[str] = []
    with ExitStack() as other_run:
        other_run.enter_context(held(project))
        for event in project.running_up():
            told_events.append(type(event).__name__)
            if isinstance(event, Waiting):
                other_run.close()
    assert [each for each in told_events if each != "Pausing"] == [
        "Planned", "Waiting", "Began", "StatementDone", "Finished",
    ]  # fmt: skip
    assert told_events[2] == "Pausing"


def test_the_waiter_holds_no_snapshot(project: Project) -> None:
    """A waiting run is idle between its requests: it does not block a CREATE INDEX CONCURRENTLY."""
    project.add_tables("a").up()
    project.add("002_b", "select 2;")
    look = "select state, backend_xmin from pg_stat_activity where application_name = 'sqlmigrate'"
    with held(project), closing(project.running_up()) as events, project.connection() as conn:
        next(events)
        assert isinstance(next(events), Waiting)
        assert conn.execute(look).fetchall() == [("idle", None)]
        conn.execute("create index concurrently i on a (id)")


@pytest.mark.parametrize("what", ["down", "repair", "baseline"])
def test_whatever_writes_takes_the_lock(what: str, project: Project) -> None:
    """`down`, `repair` and `baseline` wait for another run as `up` does, and then change nothing."""
    project.add_tables("a").up()
    project.add("001_a", "create table changed ();").add("002_b", "select 2;")
    migrations = load(project.folder)
    calls = {
        "down": lambda: project.down(limits=Limits(lock_wait=0.1)),
        "repair": lambda: repair.repair(project.url, project.rows()[0], lock_wait=0.1),
        "baseline": lambda: repair.baseline(project.url, migrations, "2", lock_wait=0.1),
    }

    with held(project), pytest.raises(LockError) as refused:
        calls[what]()

    assert "deploy 7" in refused.value.detail[0]
    assert project.states() == {"001_a": "changed", "002_b": "pending"}
    assert project.logged() == [("up", "001")]


def test_histories_have_locks_of_their_own(project: Project) -> None:
    """A run does not wait for one of another history, or in another database."""
    project.execute("create schema app")
    with held(project, "app.migrations"):
        assert succeeded(project.add_tables("a").up(limits=Limits(lock_wait=0))) == ["001_a"]
    with held(project):
        project.add("001_a", "select 1;")
        ran = project.up(limits=Limits(lock_wait=0), table="app.migrations", into_existing=True)
        assert succeeded(ran) == ["001_a"]


def test_a_dry_run_takes_the_lock(project: Project) -> None:
    """A dry run would wait for the tables of the other run: it waits for its end instead."""
    with held(project), pytest.raises(LockError):
        project.add_tables("a").up(dry_run=True, limits=Limits(lock_wait=0))


# -- two runs at once --------------------------------------------------------------------------------------------------


def test_eight_runs_at_once_execute_each_migration_once(project: Project) -> None:
    """One executes, the others find it executed; files without a transaction are among them."""
    project.add_tables("a", "b").add("003_i", "create index concurrently i on a (id);")
    project.add(
        "004_n", "-- sqlmigrate: no-transaction\ninsert into a values (4);\nvacuum a;\ninsert into a values (5);"
    )
    project.add("005_c", "insert into a values (6);")

    ended = at_once(*[project.up] * 8)

    assert sorted(label for events in ended for label in succeeded(events)) == [
        "001_a",
        "002_b",
        "003_i",
        "004_n",
        "005_c",
    ]
    assert project.query("select id from a order by id") == [(4,), (5,), (6,)]
    assert project.recorded() == [(f"00{number}", "executed") for number in range(1, 6)]
    assert project.logged() == [("up", f"00{number}") for number in range(1, 6)]
    until(lambda: locks(project) == 0)


def test_two_processes_at_once(terminal: Terminal, project: Project) -> None:
    """Two processes at once: both exit with 0, each migration is executed once."""
    project.add("001_a", "create table a (); select pg_sleep(0.3);").add_tables("b")
    project.remove("001_b")
    project.add("002_c", "create table c ();")

    ended = at_once(lambda: terminal("up"), lambda: terminal("up"))

    assert [each.code for each in ended] == [0, 0]
    assert sorted(each.stdout.count("✅") for each in ended) == [0, 2]
    assert project.logged() == [("up", "001"), ("up", "002")]


def test_up_and_down_at_once(project: Project) -> None:
    """Whichever comes first: no step is partly executed, and history and database agree."""
    project.add_tables("a", "b", "c").up(steps=2)

    ended = at_once(project.up, lambda: project.down(all=True), project.up)

    assert not [one for one in ended if isinstance(one, Exception)]
    tables = {label.partition("_")[2] for label, state in project.states().items() if state == "executed"}
    assert project.relations() == tables


# -- without the lock --------------------------------------------------------------------------------------------------


def test_the_row_keeps_a_second_run_out(project: Project) -> None:
    """If the lock fails, the row inserted first makes the second run wait, find it executed, and plan again."""
    project.add_tables("a").up()
    project.add("002_b", "create table b ();").add("003_c", "create table c ();")
    row = "insert into migrations (version, name, status, checksum) values ('002', 'b', 'executed', %s)"
    checksum = project.rows()[1].migration.checksum
    ended: list[object] = []
    with psycopg.connect(project.url) as other:
        other.execute(row, [checksum])
        thread = threading.Thread(target=lambda: ended.extend(project.up()))
        thread.start()
        waiting = (
            "select count(*) from pg_stat_activity where application_name = 'sqlmigrate' and wait_event_type = 'Lock'"
        )
        until(lambda: project.value(waiting) == 1)
        other.commit()
        thread.join()

    assert [type(event).__name__ for event in ended] == [
        "Planned", "Began", "Planned", "Began", "StatementDone", "Finished",
    ]  # fmt: skip
    assert finished(ended) == ["003_c"]
    assert project.relations() == {"a", "c"}


def test_a_closed_run_holds_no_lock(project: Project) -> None:
    """A caller that stops reading the events leaves no lock behind."""
    events = project.add("001_a", "create table a (); select pg_sleep(60);").running_up()
    while type(next(events)).__name__ != "StatementDone":
        pass
    assert locks(project) == 1

    events.close()

    until(lambda: locks(project) == 0)
    assert project.relations() == set()
    assert succeeded(project.add("001_a", "create table a ();").up(limits=Limits(lock_wait=5))) == ["001_a"]


def test_the_error_of_a_held_lock(project: Project) -> None:
    """The library raises `LockError`, with all that the screen says."""
    with held(project, name=""), pytest.raises(LockError) as refused:
        project.add_tables("a").up(limits=Limits(lock_wait=0))

    assert re.sub(r"(process |pid = )\d+", r"\1N", told(refused.value)) == (
        "another run still holds the lock after 0 s\n"
        "  process N (without a name, user postgres, local socket, since TIME UTC)\n"
        "  idle, no transaction: select pg_advisory_lock($1)\n"
        "  if its program is gone, end the session:\n"
        "  select pg_terminate_backend(pid) from pg_stat_activity where pid = N and backend_start = 'TIME';\n"
        "  nothing was executed by this run\n"
        "  hint: run it again when the other run has ended, or wait longer: SQLMIGRATE_LOCK_WAIT=10min"
    )
