"""What blocks us without a session, or cannot be seen: it is named, or said to be unknown."""

from __future__ import annotations

import tempfile
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

import database_state
import postgres_servers
import psycopg
import pytest
from pgbouncer import bouncer
from postgres_servers import Server
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from waiting import until

from sqlmigrate.database import run_lock
from sqlmigrate.database.activity import Activity, Observer
from sqlmigrate.database.server import Instance
from sqlmigrate.database.session import Request
from sqlmigrate.errors import LockError
from sqlmigrate.executor.events import Failed, Finished
from sqlmigrate.files.folder import load
from sqlmigrate.operations import status, up_down
from sqlmigrate.plan.plan import Limits

ONCE = Limits(lock_timeout="600ms", lock_retries=0, lock_wait=0)
NO_RIGHT = "this role may not read pg_locks, pg_stat_activity or pg_prepared_xacts"


@pytest.fixture(scope="module", params=[18, 16])
def two_phase(request: pytest.FixtureRequest, servers: Path) -> Iterator[Server]:
    """A server that allows prepared transactions."""
    home = Path(tempfile.mkdtemp(prefix=f"two-phase-{request.param}-", dir=servers)) / "server"
    home.parent.chmod(0o711)
    with postgres_servers.server(home, request.param, max_prepared_transactions="5") as running:
        yield running


@pytest.fixture
def database_of_two(two_phase: Server, tmp_path: Path) -> Iterator[str]:
    """A database with a table, and a folder with the migration that has created it."""
    with two_phase.database() as url:
        _create_table(url, tmp_path)
        try:
            yield url
        finally:
            for (name,) in database_state.ask(
                url, "select gid from pg_prepared_xacts where database = current_database()"
            ):
                database_state.ask(url, f"rollback prepared {sql.Literal(name).as_string()}")


def _create_table(url: str, folder: Path) -> None:
    (folder / "000_t.up.sql").write_text("create table t (a int); insert into t values (1);")
    list(up_down.up(url, load(folder)))


def _prepare(url: str, statement: str, name: str = "orphan-44") -> None:
    with psycopg.connect(url, autocommit=True) as conn:
        conn.execute("begin")
        conn.execute(statement)
        conn.execute(f"prepare transaction {sql.Literal(name).as_string()}")


def _failed(url: str, folder: Path, text: str) -> Failed:
    (folder / "001_x.up.sql").write_text(text)
    *_, last = up_down.up(url, load(folder), limits=ONCE)
    assert isinstance(last, Failed)
    return last


IN_THE_WAY = {
    "a table": ("insert into t values (2)", "alter table t add b int;"),
    "a row": ("update t set a = 2", "update t set a = 3;"),
    "an advisory lock": ("select pg_advisory_xact_lock(7)", "select pg_advisory_xact_lock(7);"),
    "a new row of the same key": ("create table u (); insert into t values (5)", "lock table t;"),
}


@pytest.mark.parametrize(("prepared", "text"), IN_THE_WAY.values(), ids=IN_THE_WAY)
def test_a_prepared_transaction_is_named(prepared: str, text: str, database_of_two: str, tmp_path: Path) -> None:
    """It has no process: its identifier, owner, database, and how to end it."""
    _prepare(database_of_two, prepared)

    error = _failed(database_of_two, tmp_path, text).error

    name = conninfo_to_dict(database_of_two)["dbname"]
    tried, who, doing, when, command = error.detail
    assert tried == "tried once"
    assert who == f"blocked by the prepared transaction 'orphan-44' (user postgres, database {name})"
    assert doing.startswith("it has no session, and stays until it is ended; open for ")
    place = f"in database {name} as postgres"
    assert when == f"if the program that prepared it is gone, commit it or roll it back, {place}:"
    assert command == "rollback prepared 'orphan-44';"
    assert error.next_steps == ("end the prepared transaction, then: sqlmigrate up",)
    database_state.ask(database_of_two, command)
    assert isinstance([*up_down.up(database_of_two, load(tmp_path), limits=ONCE)][-1], Finished)


def test_a_prepared_transaction_that_is_not_in_the_way(database_of_two: str, tmp_path: Path) -> None:
    """It holds a lock on the same table, but one that does not conflict: only the session is named."""
    _prepare(database_of_two, "select * from t")
    with psycopg.connect(database_of_two) as other:
        other.execute("insert into t values (2)")
        pid = other.info.backend_pid
        detail = _failed(database_of_two, tmp_path, "lock table t in share mode;").error.detail

    assert [line for line in detail if line.startswith("blocked by")] == [
        f"blocked by process {pid} (without a name, user postgres, local socket)"
    ]


def test_a_prepared_transaction_holds_the_lock_of_the_run(database_of_two: str, tmp_path: Path) -> None:
    """The wait for the lock names it, and so does `status`."""
    key = run_lock.lock_key("public.migrations")
    _prepare(database_of_two, f"select pg_advisory_xact_lock({key})", "it's")
    (tmp_path / "001_x.up.sql").write_text("select 1;")

    with pytest.raises(LockError) as refused:
        list(up_down.up(database_of_two, load(tmp_path), limits=ONCE))

    assert refused.value.detail[0].startswith("the prepared transaction 'it''s' (user postgres, database test_")
    assert refused.value.detail[-1] == "rollback prepared 'it''s';"
    run = status.status(database_of_two, load(tmp_path)).state.run
    assert run is not None
    assert (run.pid, run.state, run.prepared) == (0, "prepared", "it's")


@contextmanager
def restricted(database: str, *views: str) -> Iterator[str]:
    """A role that may create tables, but not read these views."""
    with psycopg.connect(database, autocommit=True) as admin:
        admin.execute("create role restricted login")
        admin.execute("grant all on schema public to restricted")
        for view in views:
            admin.execute(f"revoke select on pg_catalog.{view} from public")
        try:
            yield make_conninfo(database, user="restricted")
        finally:
            admin.execute("drop owned by restricted")
            admin.execute("drop role restricted")


@pytest.mark.parametrize("view", ["pg_locks", "pg_stat_activity", "pg_prepared_xacts"])
def test_a_role_that_may_not_look(view: str, database: str, tmp_path: Path) -> None:
    """A wait for a lock, and a wait for the run's lock: who holds it is said to be unknown, not to have ended."""
    with restricted(database, view) as url:
        _create_table(url, tmp_path)
        with psycopg.connect(database) as other:
            other.execute("select * from t")
            detail = _failed(url, tmp_path, "alter table t add b int;").error.detail
            other.execute("select pg_advisory_lock(%s)", [run_lock.lock_key("public.migrations")])
            with pytest.raises(LockError) as refused:
                list(up_down.up(url, load(tmp_path), limits=ONCE))

    assert detail == ("tried once", f"which session was in the way is not known: {NO_RIGHT}")
    assert refused.value.detail == (
        "a session that this role may not see", f"who holds the lock is not known: {NO_RIGHT}",
    )  # fmt: skip


def test_whether_a_run_is_under_way_is_not_known(database: str, tmp_path: Path) -> None:
    """`status` does not say that a migration was interrupted which may be running."""
    (tmp_path / "001_x.up.sql").write_text("-- sqlmigrate: no-transaction\nselect 1;")
    with restricted(database, "pg_locks") as url:
        list(up_down.up(url, load(tmp_path)))
        assert status.status(url, load(tmp_path)).state.run is None
        database_state.ask(url, "update migrations set status = 'running'")
        run = status.status(url, load(tmp_path)).state.run

    assert run is not None
    assert run.is_unseen


def _waiting(url: str, statement: str) -> threading.Thread:
    def wait() -> None:
        with suppress(psycopg.Error):
            database_state.ask(url, statement)

    thread = threading.Thread(target=wait)
    thread.start()
    return thread


def test_a_second_connection_that_leads_to_another_server_sees_nothing(database: str) -> None:
    """Processes there have the same numbers: nothing is shown of them."""
    with psycopg.connect(database) as conn, closing(Observer(database, Instance("7321", "2026-02-13"))) as observer:
        sight = observer.look(conn.info.backend_pid)

    assert sight == Activity(
        unseen="the second connection, which looks, was refused or lost: it leads to another server"
    )


def test_a_pooler_with_one_session_for_all(pgbouncer: str, postgres: Server, database: str, tmp_path: Path) -> None:
    """The second connection would wait for our own session: it gives up, and the migration goes on."""
    (tmp_path / "001_x.up.sql").write_text("select pg_sleep(3);")
    with bouncer(pgbouncer, postgres, "transaction", "default_pool_size = 1") as pool:
        url = f"{pool}{conninfo_to_dict(database)['dbname']}"
        events = list(up_down.up(url, load(tmp_path), tick=0.1))

    unseen = {event.activity.unseen for event in events if hasattr(event, "activity")}
    late = "it did not answer in time (a pooler without a free session?)"
    assert unseen == {f"the second connection, which looks, was refused or lost: {late}"}
    assert isinstance(events[-1], Finished)


def test_our_own_second_connection_is_no_blocker(database: str) -> None:
    """It holds a lock itself, as it does for a moment when it reads catalogs: it does not name itself."""
    with closing(Observer(database)) as observer:
        observer.look(0)
        assert observer._session is not None
        observer._session.ask(Request("select pg_advisory_lock(7)"))
        thread = _waiting(database, "set lock_timeout = '5s'; select pg_advisory_lock(7)")
        waits = "select pid from pg_stat_activity where wait_event_type = 'Lock' and datname = current_database()"
        until(lambda: database_state.ask(database, waits))
        ((pid,),) = database_state.ask(database, waits)
        assert observer.look(pid).blockers == ()
    thread.join()


class _Gate(threading.Semaphore):
    """A gate that says when somebody stands before it."""

    def __init__(self) -> None:
        super().__init__(1)
        self.is_reached = threading.Event()

    def acquire(self, blocking: bool = True, timeout: float | None = None) -> bool:  # noqa: FBT001, FBT002 - as theirs
        self.is_reached.set()
        return super().acquire(blocking, timeout)


def test_a_look_waits_a_moment_for_that_at_another_database(database: str) -> None:
    """With one gate for many: who is in the way of a second target is seen as well. But it does not wait for long."""
    gate, found = _Gate(), []
    observer = Observer(database, gate=gate)
    with gate:
        assert observer.look(0).unseen == "at that moment another database was looked at"
        gate.is_reached.clear()
        looking = threading.Thread(target=lambda: found.append(observer.look(0)))
        looking.start()
        gate.is_reached.wait()
    looking.join()

    assert found == [Activity()]
