"""A standby becomes the primary while a file is executed; it may not have got everything."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from itertools import count
from pathlib import Path

import postgres_servers
import psycopg
import pytest
from balancers import haproxy, pgpool
from postgres_servers import Server, Standby
from project import Project, failure, finished, succeeded
from proxies import Proxy
from psycopg.conninfo import conninfo_to_dict
from waiting import until

from sqlmigrate.executor.events import Event, Failed
from sqlmigrate.output.error_lines import failure_lines

ALONE = "-- sqlmigrate: no-transaction\n"
NUMBERS = count()
SLOW = "select pg_sleep(600)"
BUSY = "select from pg_stat_activity where state = 'active' and query ~ '^select pg_sleep'"
MODES = pytest.mark.parametrize("before", ["", ALONE], ids=["in a transaction", "without"])


class Switch(Proxy):
    """The address of the primary, whichever server that is."""

    def leads_to(self, url: str) -> None:
        self._upstream = conninfo_to_dict(url)


@pytest.fixture
def primary(servers: Path) -> Iterator[Server]:
    """A server that may be stopped in the middle of a test, with a database `shop`."""
    with postgres_servers.server(servers / f"primary_{next(NUMBERS)}", 18) as running:
        running.admin.execute("create database shop")
        yield running


@pytest.fixture
def follower(servers: Path, primary: Server) -> Iterator[Standby]:
    """Its standby, which may be promoted."""
    with postgres_servers.standby(servers / f"follower_{next(NUMBERS)}", primary) as running:
        yield running


def stop_following(follower: Standby) -> None:
    """End the WAL receiver, so that the standby gets nothing more of what its primary does."""
    follower.url("shop")  # once the standby has everything so far
    follower.admin.execute("alter system set primary_conninfo = ''")
    follower.admin.execute("select pg_reload_conf()")
    until(lambda: not follower.admin.execute("select from pg_stat_wal_receiver").fetchall())


def fail_over(primary: Server, follower: Standby, mode: str = "immediate") -> None:
    follower.admin.execute("select pg_promote()")
    primary.cluster.run("pg_ctl", "stop", f"--mode={mode}", "--pgdata", str(primary.cluster.data))


@contextmanager
def under_way(project: Project, is_busy: Callable[[], object]) -> Iterator[list[Event]]:
    """Begin an `up`, and give its events, which are all there after the block; it begins when the run is busy."""
    seen: list[Event] = []
    thread = threading.Thread(target=lambda: seen.extend(project.up()))
    thread.start()
    until(lambda: is_busy() or not thread.is_alive())
    yield seen
    thread.join()


def left_behind(project: Project, follower: Standby, before: str) -> Project:
    """Execute 001 while the standby follows; it will not get 002, which is fast, nor 003, which is slow."""
    assert succeeded(project.add_tables("a").up()) == ["001_a"]
    stop_following(follower)
    return project.add("002_fast", "create table fast ();").add("003_slow", f"{before}{SLOW};")


@contextmanager
def slow_file(project: Project, before: str, primary: Server, follower: Standby) -> Iterator[list[Event]]:
    """Begin an `up` of 001 and 002, which is slow; the standby has all of it when the block begins."""
    project.add_tables("a").add("002_slow", f"{before}{SLOW};")
    with under_way(project, lambda: primary.admin.execute(BUSY).fetchall()) as seen:
        follower.url()
        yield seen


def told(failed: Failed) -> str:
    """Give what is said of a failure as one text."""
    return "\n".join("".join(text for _, text in line) for line in failure_lines(failed, [], str, dry_run=False))


@pytest.mark.parametrize(("before", "mode"), [("", "immediate"), (ALONE, "fast")], ids=["a crash", "a planned stop"])
def test_what_the_new_primary_did_not_get_is_not_said_to_stay(
    before: str, mode: str, project: Project, primary: Server, follower: Standby
) -> None:
    """What was told as executed is looked up again in the history of the server that answers."""
    with Switch(primary.url("shop")) as switch:
        there = left_behind(project.at(switch.url), follower, before)
        with under_way(there, lambda: primary.admin.execute(BUSY).fetchall()) as seen:
            switch.leads_to(Server.url(follower, "shop"))
            fail_over(primary, follower, mode)

        failed = failure(seen)
        assert finished(seen) == ["002_fast"]
        assert [step.label for step in failed.gone] == ["002_fast"]
        assert "002_fast was executed and is not there any more: another server answers now, which" in told(failed)
        assert "stays executed" not in told(failed)
        there.add("003_slow", f"{before}select 1;")
        assert succeeded(there.up()) == ["002_fast", "003_slow"]


def both(primary: Server, follower: Standby) -> str:
    """Give a URL with both hosts, of which the primary is wanted."""
    hosts = [conninfo_to_dict(Server.url(each)) for each in (primary, follower)]
    named = {name: ",".join(str(each[name]) for each in hosts) for name in ("host", "port")}
    return f"postgresql://postgres@/shop?host={named['host']}&port={named['port']}&target_session_attrs=read-write"


@MODES
def test_several_hosts_in_the_url(before: str, project: Project, primary: Server, follower: Standby) -> None:
    """The history of the new primary counts, and its address is said: the head of the screen has the old one."""
    there = left_behind(project.at(both(primary, follower)), follower, before)
    with under_way(there, lambda: primary.admin.execute(BUSY).fetchall()) as seen:
        fail_over(primary, follower)

    failed = failure(seen)
    now_at = f"socket {conninfo_to_dict(Server.url(follower))['host']}"
    assert (failed.now_at, [step.label for step in failed.gone]) == (now_at, ["002_fast"])
    assert f"002_fast was executed and is not there any more: another server answers now at {now_at}" in told(failed)
    assert there.states() == {"001_a": "executed", "002_fast": "pending", "003_slow": "failed"}
    assert succeeded(there.add("003_slow", f"{before}select 1;").up()) == ["002_fast", "003_slow"]


def test_a_new_primary_that_got_everything(project: Project, primary: Server, follower: Standby) -> None:
    """What was told stays true, and only the new address is said."""
    there = project.at(both(primary, follower)).add_tables("a").add("002_slow", f"{SLOW};")
    with under_way(there, lambda: primary.admin.execute(BUSY).fetchall()) as seen:
        now_at = f"socket {conninfo_to_dict(follower.url())['host']}"
        fail_over(primary, follower)

    failed = failure(seen)
    assert (failed.now_at, failed.gone) == (now_at, ())
    assert f"another server answers now: {now_at}" in told(failed)
    assert there.states() == {"001_a": "executed", "002_slow": "failed"}


@MODES
def test_a_new_primary_without_the_history(before: str, project: Project, primary: Server, follower: Standby) -> None:
    """Nothing of the first run was replicated: all of it is named, and the next run executes everything."""
    stop_following(follower)
    there = project.at(both(primary, follower)).add_tables("a", "b").add("003_slow", f"{before}{SLOW};")
    with under_way(there, lambda: primary.admin.execute(BUSY).fetchall()) as seen:
        fail_over(primary, follower)

    failed = failure(seen)
    assert [step.label for step in failed.gone] == ["001_a", "002_b"]
    assert "001_a, 002_b were executed and are not there any more" in told(failed)
    assert set(there.states().values()) == {"pending"}
    assert succeeded(there.add("003_slow", f"{before}select 1;").up()) == ["001_a", "002_b", "003_slow"]


@MODES
def test_behind_haproxy(
    before: str, haproxy_program: str, project: Project, primary: Server, follower: Standby
) -> None:
    """The address stays the same. The failure is recorded on the new primary, and the next run goes on there."""
    with haproxy(haproxy_program, primary, follower) as url:
        there = project.at(f"{url}shop")
        with slow_file(there, before, primary, follower) as seen:
            fail_over(primary, follower)

        failed = failure(seen)
        assert (finished(seen), failed.gone, failed.now_at) == (["001_a"], (), "")
        assert there.states() == {"001_a": "executed", "002_slow": "failed"}
        assert succeeded(there.add("002_slow", f"{before}select 1;").up()) == ["002_slow"]


INVALID = "select from pg_index where not indisvalid"


def test_a_half_built_index_behind_haproxy(
    haproxy_program: str, project: Project, primary: Server, follower: Standby
) -> None:
    """What was replicated of a file without a transaction counts: the next run builds the index again, no more."""
    with haproxy(haproxy_program, primary, follower) as url, psycopg.connect(primary.url("shop")) as writer:
        there = project.at(f"{url}shop").add_tables("a").add("002_noted", "create table noted ();")
        there.up()
        writer.execute("insert into a values (1)")
        there.add("003_index", f"{ALONE}insert into noted default values;\ncreate index concurrently a_id on a (id);")
        looking = psycopg.connect(follower.url("shop"), autocommit=True)
        with looking, under_way(there, lambda: looking.execute(INVALID).fetchall()) as seen:
            fail_over(primary, follower)
        failed = failure(seen)
        assert (failed.number, failed.gone) == (2, ())
        assert failed.kept == (
            "statement 1 is executed and stays",
            "the index a_id is left behind, marked invalid: the next up drops it and builds it again",
        )
        assert there.states()["003_index"] == "failed"
        assert succeeded(there.up()) == ["003_index"]
        assert there.query(INVALID) == []
        assert there.value("select count(*) from noted") == 1
        with suppress(psycopg.Error):
            writer.close()


@MODES
def test_behind_pgpool(before: str, pgpool_program: str, project: Project, primary: Server, follower: Standby) -> None:
    """It may take longer than the run tries to connect again: then nothing is claimed. The next run goes on."""
    with pgpool(pgpool_program, primary, follower) as url:
        there = project.at(f"{url}shop").add_tables("a")
        there.up()
        there.add("002_slow", f"{before}{SLOW};")
        with under_way(there, lambda: primary.admin.execute(BUSY).fetchall()) as seen:
            follower.url()  # once the standby has everything
            fail_over(primary, follower)

        failed = failure(seen)
        until(lambda: is_writable(there))
        assert (failed.error.message.startswith("the connection was lost: "), failed.gone) == (True, ())
        assert there.states()["001_a"] == "executed"
        assert succeeded(there.add("002_slow", f"{before}select 1;").up()) == ["002_slow"]


def is_writable(project: Project) -> bool:
    try:
        project.execute("create table if not exists probe ()")
    except psycopg.Error:
        return False
    return True


@MODES
def test_a_standby_that_is_not_promoted_yet(
    before: str, haproxy_program: str, project: Project, primary: Server, follower: Standby
) -> None:
    """What a standby has is not believed: it may follow. Once it is the primary, its history tells."""
    with haproxy(haproxy_program, primary, follower) as url:
        there = project.at(f"{url}shop")
        with slow_file(there, before, primary, follower) as seen:
            primary.cluster.run("pg_ctl", "stop", "--mode=immediate", "--pgdata", str(primary.cluster.data))

        failed = failure(seen)
        (why,) = failed.error.detail
        assert why.startswith("the history could not be read: the new connection leads to a standby: 127.0.0.1:")
        assert "it is not known whether" in told(failed)
        assert failed.error.next_steps == ("sqlmigrate status",)
        follower.admin.execute("select pg_promote()")
        assert there.states()["001_a"] == "executed"
        assert succeeded(there.add("002_slow", f"{before}select 1;").up()) == ["002_slow"]
