"""A server that waits for a synchronous standby: one that is there, and one that is gone."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import postgres_servers
import psycopg
import pytest
from postgres_servers import Server, Standby
from project import Project, failure, finished, succeeded, told
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from waiting import until

from sqlmigrate.errors import ServerError
from sqlmigrate.executor.events import Event, Noticed, Progress
from sqlmigrate.output import progress_lines

ALONE = "-- sqlmigrate: no-transaction\n"
MODES = pytest.mark.parametrize("before", ["", ALONE], ids=["in a transaction", "without"])
WAITS = "IPC SyncRep"
GATE = "select pg_advisory_xact_lock(7)"
END_THE_WAIT = "select pg_cancel_backend(pid) from pg_stat_activity where wait_event = 'SyncRep'"
# https://www.postgresql.org/docs/current/warm-standby.html#SYNCHRONOUS-REPLICATION
COMMITTED_HERE = (
    "canceling wait for synchronous replication due to user request: "
    "The transaction has already committed locally, but might not have been replicated to the standby."
)


@pytest.fixture(scope="module")
def waiting_server(servers: Path) -> Iterator[Server]:
    """A server of which some databases wait for synchronous standbys; at first there are none."""
    with postgres_servers.server(servers / "waiting", 18) as running:
        running.admin.execute("set synchronous_commit = local")
        yield running


@pytest.fixture
def waiting(waiting_server: Server, project: Project) -> Iterator[Project]:
    with waiting_server.database() as url:
        waiting_server.admin.execute(f"alter database {conninfo_to_dict(url)['dbname']} set synchronous_commit = on")
        yield project.at(url)


@contextmanager
def waiting_for(server: Server, names: str) -> Iterator[None]:
    """Have COMMITs wait for these standbys."""
    server.admin.execute(f"alter system set synchronous_standby_names = '{names}'")
    try:
        server.admin.execute("select pg_reload_conf()")
        until(lambda: server.admin.execute("show synchronous_standby_names").fetchone() == (names,))
        yield
    finally:
        server.admin.execute("alter system reset synchronous_standby_names")
        server.admin.execute("select pg_reload_conf()")


def commits_wait(server: Server) -> bool:
    """Tell whether a COMMIT waits by now: the server notes new names a moment after its sessions."""
    with closing(psycopg.connect(server.url(), autocommit=True)) as conn:
        conn.execute("set synchronous_commit = on")
        conn.pgconn.send_query(b"select pg_logical_emit_message(true, 'tests', '')")
        how = "select state, wait_event from pg_stat_activity where pid = %s"
        found = until(lambda: end_of_wait(server.admin.execute(how, [conn.info.backend_pid]).fetchone()))
        server.admin.execute("select pg_cancel_backend(%s)", [conn.info.backend_pid])
    return found == "SyncRep"


def end_of_wait(seen: tuple[str, str] | None) -> str:
    """Give `SyncRep` if a session waits for a standby, `idle` if its COMMIT is done; else nothing."""
    state, event = seen or ("", "")
    return "SyncRep" if event == "SyncRep" else "idle" if state == "idle" else ""


@contextmanager
def abandoned(project: Project, server: Server) -> Iterator[Generator[Event, None, None]]:
    """Begin an `up` whose file waits for the gate; then the standby `gone` is wanted, and the gate opens."""
    with psycopg.connect(server.url(str(conninfo_to_dict(project.url)["dbname"])), autocommit=True) as gate:
        gate.execute("set synchronous_commit = local; select pg_advisory_lock(7)")
        events = project.running_up(tick=0.05)
        assert isinstance(events, Generator)
        next(each for each in events if isinstance(each, Progress) and each.activity.blockers)
        with waiting_for(server, "gone"):
            until(lambda: commits_wait(server))
            gate.execute("select pg_advisory_unlock(7)")
            yield events


def looked_up(project: Project) -> list[tuple[str, str]]:
    return project.at(f"{project.url}&options=-csynchronous_commit%3Dlocal").recorded()


def interrupted(events: Generator[Event, None, None]) -> Iterator[Event]:
    """Interrupt a run once, as Ctrl-C does, and give the events that still come."""
    yield events.throw(KeyboardInterrupt)
    yield from events


@MODES
def test_a_failure_is_told_and_recorded(before: str, waiting: Project, waiting_server: Server) -> None:
    """The rows that note it do not wait for the standby."""
    waiting.add("001_a", f"{before}{GATE};\nselect 1 / 0;")
    with abandoned(waiting, waiting_server) as events:
        if before:
            assert any(isinstance(each, Progress) and each.activity.waits_for == WAITS for each in events)
            waiting_server.admin.execute(
                "select pg_cancel_backend(pid) from pg_stat_activity where wait_event = 'SyncRep'"
            )
        failed = failure(list(events))

        assert failed.error.message == "division by zero"
        assert looked_up(waiting) == [("001", "failed")]


@MODES
def test_one_ctrl_c_leaves_a_commit_that_waits_with_the_truth(
    before: str, waiting: Project, waiting_server: Server
) -> None:
    """It says whom it waits for. What is committed here is told as executed, with PostgreSQL's words on the standby."""
    waiting.add("001_a", f"{before}{GATE};")
    with abandoned(waiting, waiting_server) as events:
        seen = next(each for each in events if isinstance(each, Progress) and each.activity.waits_for == WAITS)
        left: list[Event] = []
        with pytest.raises(KeyboardInterrupt):
            left.extend(interrupted(events))

        assert "its COMMIT waits for a synchronous standby: gone" in progress_lines.live(seen, 200)
        assert COMMITTED_HERE in [each.message for each in left if isinstance(each, Noticed)]
        if before:
            assert failure(left).kept == ("statement 1 is executed and stays",)
            return
        assert finished(left) == ["001_a"]
        assert looked_up(waiting) == [("001", "executed")]


# -- before a run ------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def follower(servers: Path, waiting_server: Server) -> Iterator[Standby]:
    """A standby of it."""
    with postgres_servers.standby(servers / "confirming", waiting_server) as running:
        yield running


@contextmanager
def stopped(follower: Standby, server: Server) -> Iterator[None]:
    """Stop the standby, and start it again."""
    follower.cluster.stop()
    until(lambda: not server.admin.execute("select from pg_stat_replication").fetchall())
    try:
        yield
    finally:
        follower.start_again()
        until(lambda: server.admin.execute("select from pg_stat_replication where state = 'streaming'").fetchall())


LOCALLY = "PGOPTIONS='-c synchronous_commit=local'"
REFUSED = f"""\
no synchronous standby is connected: a COMMIT would wait, with all its locks
  synchronous_standby_names is *
  nothing was changed
  hint: try again when the standby is back; or do not wait for it in this run: {LOCALLY}"""


def test_no_run_begins_without_its_synchronous_standby(
    waiting: Project, waiting_server: Server, follower: Standby
) -> None:
    """Its locks would be held until somebody notices. Nothing is written; a dry run has no COMMIT."""
    waiting.add_tables("a", "b")
    with waiting_for(waiting_server, "*"):
        assert succeeded(waiting.up(steps=1)) == ["001_a"]
        with stopped(follower, waiting_server):
            with pytest.raises(ServerError) as refused:
                waiting.up()
            assert told(refused.value) == REFUSED
            with pytest.raises(ServerError, match="no synchronous standby is connected"):
                waiting.down()
            assert "no synchronous standby is connected" in waiting.call("baseline", "2", "--yes").stderr
            assert waiting.states() == {"001_a": "executed", "002_b": "pending"}
            assert succeeded(waiting.up(dry_run=True)) == ["002_b"]
        assert succeeded(waiting.up()) == ["002_b"]
        assert succeeded(waiting.up()) == []


def test_a_run_that_does_not_wait_for_it(waiting: Project, waiting_server: Server, follower: Standby) -> None:
    """The way on that the refusal names; and a run with nothing to do is not stopped."""
    waiting.add_tables("a")
    with waiting_for(waiting_server, "*"), stopped(follower, waiting_server):
        ended = waiting.call("up", PGOPTIONS="-c synchronous_commit=local")
        assert (ended.code, waiting.states()) == (0, {"001_a": "executed"})
        assert waiting.call("up").code == 0


def test_a_role_that_may_not_see_which_standby_it_is(
    waiting: Project, waiting_server: Server, follower: Standby
) -> None:
    """One that is there may be the synchronous one: the run begins. None is none for every role."""
    del follower
    waiting_server.admin.execute("create role restricted login")
    waiting.execute("set synchronous_commit = local; grant all on schema public to restricted")
    there = waiting.at(make_conninfo(waiting.url, user="restricted")).add_tables("a", "b")
    with waiting_for(waiting_server, "*"):
        assert succeeded(there.up(steps=1)) == ["001_a"]
    with waiting_for(waiting_server, "2 (*)"), pytest.raises(ServerError, match="of 2 synchronous standbys only 1"):
        there.up()
