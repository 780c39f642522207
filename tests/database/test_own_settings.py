"""What our sessions set for themselves, and that others never get it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing

import psycopg
import pytest
from pgbouncer import bouncer
from postgres_servers import Server
from project import Project, succeeded
from psycopg.conninfo import conninfo_to_dict

from sqlmigrate.database import run_lock
from sqlmigrate.database.activity import Observer
from sqlmigrate.errors import LockError
from sqlmigrate.executor.events import Blocked
from sqlmigrate.plan.plan import Limits

ALONE = "-- sqlmigrate: no-transaction\n"
LOOK = "insert into seen values (current_setting('idle_session_timeout', true));"


@pytest.fixture
def impatient(project: Project, every_postgres: Server) -> Iterator[Project]:
    """A project whose database ends sessions that are idle for 50 ms."""
    with every_postgres.database() as url:
        there = project.at(url)
        name = conninfo_to_dict(url)["dbname"]
        there.execute(f'alter database "{name}" set idle_session_timeout = 50')
        yield there.add("001_seen", "create table seen (timeout text);")


def seen(project: Project) -> set[str]:
    return {each for (each,) in project.query("select timeout from seen")}


def test_no_file_runs_with_an_idle_timeout(impatient: Project) -> None:
    """It is off from the first file on, after a reset, and in files without a transaction."""
    impatient.add("002_a", LOOK).add("003_b", "reset all; discard plans;").add("004_c", f"{ALONE}{LOOK}")
    impatient.add("005_d", "discard all;").add("006_e", LOOK)
    assert len(succeeded(impatient.up())) == 6
    assert seen(impatient) == {"0"}


def test_a_pause_between_two_tries_is_not_ended(impatient: Project) -> None:
    """The session waits for the next try, longer than the server lets others be idle."""
    impatient.up()
    impatient.add("002_a", "alter table seen add column x int;")
    with (
        psycopg.connect(impatient.url) as other,
        closing(impatient.running_up(limits=Limits(lock_timeout="50ms"))) as run,
    ):
        other.execute("set idle_session_timeout = 0; set idle_in_transaction_session_timeout = 0; lock table seen")
        for event in run:
            if isinstance(event, Blocked):
                break
        other.rollback()
        assert succeeded(list(run)) == ["002_a"]


def test_a_wait_for_another_run_is_not_ended(impatient: Project) -> None:
    """Between two questions for the lock of the run the session is idle for 250 ms."""
    impatient.up()
    impatient.add("002_a", "select 2;")
    with psycopg.connect(impatient.url, autocommit=True) as other:
        other.execute("set idle_session_timeout = 0")
        other.execute("select pg_advisory_lock(%s)", [run_lock.lock_key("public.migrations")])
        with pytest.raises(LockError, match="another run still holds the lock"):
            impatient.up(limits=Limits(lock_wait=0.5))
    assert succeeded(impatient.up()) == ["002_a"]


def test_the_second_connection_is_not_ended(impatient: Project) -> None:
    """The observer keeps its connection from one look to the next."""
    with closing(Observer(impatient.url)) as observer:
        observer.look(0)
        session = observer._session
        assert session is not None
        with impatient.connection() as other:
            other.execute("set idle_session_timeout = 0; select pg_sleep(0.2)")
        observer.look(0)
        assert observer._session is session


@pytest.mark.parametrize("mode", ["session", "transaction"])
def test_a_pooler_keeps_nothing_of_it(mode: str, pgbouncer: str, postgres: Server, project: Project) -> None:
    """In a session pool the timeout is off for us, and as before for those who come after us; else it is left alone."""
    name = conninfo_to_dict(project.url)["dbname"]
    project.execute(f"alter database \"{name}\" set idle_session_timeout = '1h'")
    project.add("001_seen", "create table seen (timeout text);").add("002_a", LOOK).add("003_b", "reset all;")
    with bouncer(pgbouncer, postgres, mode, "server_reset_query =") as pool:
        through = project.at(f"{pool}{name}")
        if mode == "session":
            project.add("004_c", f"{ALONE}{LOOK}")
        succeeded(through.up())
        assert seen(project) == {"0" if mode == "session" else "1h"}
        with through.connection() as first, through.connection() as second, through.connection() as third:
            for other in (first, second, third):  # each in a session of its own, ours among them
                other.execute("begin")
                assert other.execute("show idle_session_timeout").fetchone() == ("1h",)
