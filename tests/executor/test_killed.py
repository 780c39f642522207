"""The server, a session or the second connection is killed or times out: what is done stays known."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import database_state
import postgres_servers
import psycopg
import pytest
from held_lock import held
from in_process import Quick, said
from pgbouncer import bouncer
from postgres_servers import Server
from processes import Beginning, beginning
from project import Project, failure, succeeded, told
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict
from waiting import until

from sqlmigrate.database.activity import Activity
from sqlmigrate.embedded.cluster import Cluster
from sqlmigrate.errors import ConnectError
from sqlmigrate.executor.events import Event, Failed, Finished, Progress, StatementDone, Waiting
from sqlmigrate.files import folder
from sqlmigrate.operations import up_down

OURS = "select pid from pg_stat_activity where application_name = 'sqlmigrate' and datname = current_database()"
TERMINATED = "terminating connection due to administrator command"
FILES = {
    "001_a.up.sql": "create table a ();",
    "002_b.up.sql": "create table b ();\nselect pg_sleep(60);\ncreate table c ();\n",
    "003_d.up.sql": "create table d ();",
}
GATE = "select pg_advisory_xact_lock_shared(7)"  # a test that has the lock 7 says when it is passed
ALONE = {**FILES, "002_b.up.sql": f"-- sqlmigrate: no-transaction\n{FILES['002_b.up.sql']}"}


@pytest.fixture
def quick(tmp_path: Path, database: str) -> Quick:
    return Quick(tmp_path, {"DATABASE_URL": database})


@pytest.fixture
def begin(quick: Quick, database: str) -> Iterator[Beginning]:
    with beginning(quick.folder, database) as begin:
        yield begin


def terminate(url: str, where: str = "true") -> list[int]:
    """End the sessions of sqlmigrate in the database; return their processes."""
    ended = [pid for (pid,) in database_state.ask(url, f"{OURS} and {where}")]
    for pid in ended:
        database_state.ask(url, f"select pg_terminate_backend({pid}, 5000)")
    return ended


# -- the server is restarted -------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def fragile(servers: Path) -> Iterator[Cluster]:
    """A server that may be killed; it waits for the disk, so what is committed stays."""
    with postgres_servers.durable_server(servers / "fragile") as server:
        yield server


@pytest.fixture
def on_fragile(fragile: Cluster, request: pytest.FixtureRequest) -> str:
    """The URL of an empty database on that server."""
    name = "d_" + str(abs(hash(request.node.name)))
    database_state.ask(fragile.url(), f"create database {name}")
    return fragile.url(name)


RESTARTED_SCREEN = """\
DATABASE · 3 pending

✅ 001_a   1 statement N ms
❌ 002_b   statement 2 of 3 N ms

1 executed · 1 failed
   warning: terminating connection due to immediate shutdown command
error: the connection was lost: server closed the connection unexpectedly
  ──▶ sql/002_b.up.sql:{line}:1
   │
 {before} │ create table b ();
 {line} │ select pg_sleep(60);
   │ ^^^^^^^^^^^^^^^^^^^
 {after} │ create table c ();
   │

what happened   {happened}
                001_a before it stays executed
what now        wait until the server can be reached{on}, then: sqlmigrate up

"""
RESTARTS = {
    "in a transaction": (FILES, 1, 0, "002_b was rolled back: nothing of it is in the database"),
    "without": (
        ALONE, 2, 1,
        f"002_b runs without a transaction; it stopped at statement 2 of 3\n{'':16}statement 1 is executed and stays",
    ),
}  # fmt: skip


@pytest.mark.sampled(2)
@pytest.mark.parametrize("case", RESTARTS.values(), ids=RESTARTS)
def test_a_server_that_is_restarted_at_once(
    case: tuple[dict[str, str], int, int, str], quick: Quick, begin: Beginning, fragile: Cluster, on_fragile: str
) -> None:
    """The failure is written as soon as a new connection succeeds; after the next `up` the result is that of an
    undisturbed run.
    """
    texts, before, done, happened = case
    quick.write(**texts)
    running = begin("up", url=on_fragile, watched=on_fragile)
    running.when("pg_sleep")
    where = [
        "--pgdata",
        str(fragile.data),
        "--log",
        str(fragile.data / "restarted.log"),
    ]  # no pipe of ours is kept open
    fragile.run("pg_ctl", "restart", "--mode=immediate", "--wait", *where)
    ended = running.ended()

    on = " (it goes on at statement 2)" if done else ""
    screen = RESTARTED_SCREEN.format(before=before, line=before + 1, after=before + 2, happened=happened, on=on)
    assert said(ended) == screen
    assert ended.code == 1
    assert database_state.relations(on_fragile) == ["public.a", "public.b"][: 1 + done]
    lost = "the connection was lost: server closed the connection unexpectedly"
    assert database_state.history(on_fragile) == [("001", "executed", 1, None), ("002", "failed", done, lost)]

    quick.write(**{"002_b.up.sql": texts["002_b.up.sql"].replace("60", "0")})
    assert quick("up", DATABASE_URL=on_fragile).code == 0
    assert database_state.relations(on_fragile) == [f"public.{name}" for name in "abcd"]
    assert [row[1] for row in database_state.history(on_fragile)] == ["executed"] * 3


# -- the session is ended ----------------------------------------------------------------------------------------------


def test_a_session_that_is_ended_between_two_statements(project: Project) -> None:
    """Without a transaction, answered statements are done and stay; `up` continues after them."""
    text = "-- sqlmigrate: no-transaction\ninsert into a values (1);\ninsert into a values (2);\n"
    project.add_tables("a").add("002_two", text)
    seen: list[Event] = []
    with closing(project.running_up()) as events:  # type: ignore[type-var]
        for event in events:
            seen.append(event)
            if isinstance(event, StatementDone) and event.step.version == "002" and event.number == 1:
                assert len(terminate(project.url)) == 1

    failed = failure(seen)
    again = "wait until the server can be reached (it goes on at statement 2), then: sqlmigrate up"
    assert told(failed.error) == f"{TERMINATED}\n  next: {again}"
    assert (failed.number, failed.kept) == (2, ("statement 1 is executed and stays",))
    assert project.recorded() == [("001", "executed"), ("002", "failed")]

    assert succeeded(project.up()) == ["002_two"]
    assert project.query("select id from a order by id") == [(1,), (2,)]


def test_a_session_that_is_ended_between_two_migrations(project: Project) -> None:
    """The next file, which was sent already, fails as a whole; the one before stays executed."""
    project.add_tables("a").add("002_b", "create table b ();\nselect pg_sleep(60);")
    seen: list[Event] = []
    for event in project.running_up():
        seen.append(event)
        if isinstance(event, Finished):
            assert len(terminate(project.url)) == 1

    failed = failure(seen)
    assert (failed.step.label, failed.kept) == ("002_b", ())
    assert told(failed.error) == f"{TERMINATED}\n  next: wait until the server can be reached, then: sqlmigrate up"
    assert project.recorded() == [("001", "executed"), ("002", "failed")]
    project.add("002_b", "create table b ();")
    assert succeeded(project.up()) == ["002_b"]


def test_a_session_that_is_ended_while_it_waits_for_a_table(project: Project) -> None:
    """It is not a lock timeout: the file failed, and is not tried again automatically."""
    project.add_tables("a").up()
    project.add("002_b", "create table b ();\nalter table a add column n int;")
    seen: list[Event] = []
    with psycopg.connect(project.url) as other:
        other.execute("lock table a")
        thread = threading.Thread(target=lambda: seen.extend(project.up()))
        thread.start()
        until(lambda: terminate(project.url, "wait_event_type = 'Lock'"))
        thread.join()

    failed = failure(seen)
    assert (failed.number, failed.kept) == (2, ())
    assert told(failed.error) == f"{TERMINATED}\n  next: wait until the server can be reached, then: sqlmigrate up"
    assert project.relations() == {"a"}
    assert project.recorded() == [("001", "executed"), ("002", "failed")]
    assert succeeded(project.up()) == ["002_b"]


def test_a_session_that_is_ended_while_it_waits_for_another_run(project: Project) -> None:
    """Nothing was begun: the connection was lost, and the other run is not disturbed."""
    project.add_tables("a")
    with held(project) as pid, closing(project.running_up()) as events:  # type: ignore[type-var]
        assert [type(next(events)) for _ in range(2)][1] is Waiting
        terminate(project.url)
        with pytest.raises(ConnectError) as lost:
            list(events)
        assert project.query("select pid from pg_locks where locktype = 'advisory' and granted") == [(pid,)]

    assert told(lost.value) == f"the connection was lost: {TERMINATED} (SQLSTATE 57P01)"
    assert project.relations() == set()
    assert succeeded(project.up()) == ["001_a"]


def test_a_pooler_that_ends_the_connection(pgbouncer: str, postgres: Server, project: Project) -> None:
    """The server goes on with all that was sent, the COMMIT too: that it was rolled back is not claimed."""
    with bouncer(pgbouncer, postgres, "session", "query_timeout = 1") as pool:
        there = project.at(f"{pool}{conninfo_to_dict(project.url)['dbname']}").add_tables("a")
        there.up()
        failed = failure(there.add("002_b", "create table b (); select pg_sleep(600);").up())

    assert failed.error.message == "query timeout"
    unknown = "it is not known whether 002_b was committed or rolled back: its history row will tell"
    assert failed.kept == (unknown,)


# -- the second connection ---------------------------------------------------------------------------------------------


def test_the_second_connection_is_ended(project: Project) -> None:
    """Progress shows no activity for a while; the migration succeeds."""
    project.add("001_a", f"create table a (); {GATE};")
    sights: list[Activity] = []
    ended: list[int] = []
    seen: list[Event] = []
    with project.connection() as gate:
        gate.execute("select pg_advisory_lock(7)")
        for event in project.running_up(tick=0.1):
            seen.append(event)
            if isinstance(event, Progress) and (sights or event.activity.waits_for):
                sights.append(event.activity)
                if len(sights) == 2:
                    ended = terminate(project.url, f"query not like '%{GATE}%'")
                if len(sights) == 5:
                    gate.execute("select pg_advisory_unlock(7)")

    assert len(ended) == 1
    assert [sight.waits_for for sight in sights] == ["Lock advisory"] * 2 + [None] * 3
    assert succeeded(seen) == ["001_a"]


def test_the_second_connection_is_refused(database: str, postgres: postgres_servers.Server, project: Project) -> None:
    """If the role is limited to one connection, Progress shows no activity, and the migration succeeds."""
    postgres.admin.execute("create role single login superuser connection limit 1")
    postgres.admin.execute("alter role single nosuperuser")
    name = psycopg.conninfo.conninfo_to_dict(database)["dbname"]
    postgres.admin.execute(sql.SQL("grant all on database {} to single").format(sql.Identifier(str(name))))
    project.execute("grant all on schema public to single")
    single = project.add("001_a", f"create table a (); {GATE};").at(postgres.url(name, "single"))
    seen: list[Event] = []
    try:
        with project.connection() as gate:
            gate.execute("select pg_advisory_lock(7)")
            for event in single.running_up(tick=0.1):
                seen.append(event)
                if isinstance(event, Progress):
                    assert replace(event.activity, unseen="") == Activity()
                    assert event.activity.unseen.startswith("the second connection, which looks, was refused or lost: ")
                    assert event.activity.unseen.endswith('too many connections for role "single"')
                    gate.execute("select pg_advisory_unlock_all()")
        assert [event for event in seen if isinstance(event, Progress)]
        assert succeeded(seen) == ["001_a"]
    finally:
        project.execute("drop owned by single")
        postgres.admin.execute("drop role single")


# -- the role's own timeouts -------------------------------------------------------------------------------------------


@pytest.fixture
def bounded(project: Project, postgres: postgres_servers.Server) -> Iterator[Project]:
    """The project, with a role `bounded` whose settings each test changes."""
    postgres.admin.execute("create role bounded login")
    project.execute("grant all on schema public to bounded")
    name = str(psycopg.conninfo.conninfo_to_dict(project.url)["dbname"])
    try:
        yield project.at(postgres.url(name, "bounded"))
    finally:
        project.execute("drop owned by bounded")
        postgres.admin.execute("drop role bounded")


@pytest.mark.slow
def test_a_transaction_is_never_idle(bounded: Project) -> None:
    """A short idle_in_transaction_session_timeout does not stop a long file: all of it is sent at once."""
    bounded.execute("alter role bounded set idle_in_transaction_session_timeout = '500ms'")
    bounded.add(
        "001_a", "create table a (n int); select pg_sleep(0.7);\ncopy a from stdin;\n1\n\\.\nselect pg_sleep(0.7);"
    )
    bounded.add("002_b", "-- sqlmigrate: no-transaction\nselect pg_sleep(0.7);\nvacuum a;\nselect pg_sleep(0.7);")

    assert succeeded(bounded.up()) == ["001_a", "002_b"]


TIMEOUTS = {
    "idle_in_transaction_session_timeout": (
        "terminating connection due to idle-in-transaction timeout",
        "raise idle_in_transaction_session_timeout for this role",
    ),
    "transaction_timeout": (
        "terminating connection due to transaction timeout",
        "raise transaction_timeout for this role, or split the file in two",
    ),
    "statement_timeout": (
        "canceling statement due to statement timeout",
        "find out who or what cancelled it (a statement_timeout?)",
    ),
}


@pytest.mark.sampled(3)
@pytest.mark.parametrize("setting", TIMEOUTS)
def test_a_timeout_of_the_role(setting: str, bounded: Project) -> None:
    """The file is rolled back and the failure is recorded, over a new connection if necessary; the message names the
    cure.
    """
    message, cure = TIMEOUTS[setting]
    bounded.add_tables("a").up()
    bounded.execute(f"alter role bounded set {setting} = '800ms'")
    bounded.add("002_b", "create table b ();\nselect pg_sleep(60);\ncreate table c ();")
    seen: list[Event] = []
    is_idle = setting.startswith("idle")
    if is_idle:
        bounded.add("002_b", "create table b ();\nselect 1;\ncreate table c ();")
    for event in up_down.up(bounded.url, folder.load(bounded.folder), step_by_step=is_idle):
        seen.append(event)
        if is_idle and isinstance(event, StatementDone) and event.number == 1:
            until(lambda: not bounded.query(OURS))  # we think too long, in a transaction

    failed = failure(seen)
    assert isinstance(failed, Failed)
    assert told(failed.error) == f"{message}\n  next: {cure}, then: sqlmigrate up"
    assert (failed.number, failed.kept) == (2, ())
    assert bounded.relations() == {"a"}
    assert bounded.recorded() == [("001", "executed"), ("002", "failed")]
    assert bounded.value("select error from migrations where version = '002'") == message

    bounded.execute(f"alter role bounded reset {setting}")
    bounded.add("002_b", "create table b ();")
    assert succeeded(bounded.up()) == ["002_b"]
