"""A standby that did not get everything becomes the primary while a file is executed."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import postgres_servers
import pytest
from postgres_servers import Server, Standby
from project import Project, failure, finished, succeeded
from proxies import Proxy
from psycopg.conninfo import conninfo_to_dict
from waiting import until

from sqlmigrate.executor.events import Event
from sqlmigrate.output.error_lines import failure_lines

ALONE = "-- sqlmigrate: no-transaction\n"
NUMBERS = count()
SLOW = "select pg_sleep(600)"


class Switch(Proxy):
    """The address of the primary, whichever server that is."""

    def leads_to(self, url: str) -> None:
        self._upstream = conninfo_to_dict(url)


@pytest.fixture
def primary(servers: Path) -> Iterator[Server]:
    """A server that may be stopped in the middle of a test."""
    with postgres_servers.server(servers / f"primary_{next(NUMBERS)}", 18) as running:
        yield running


@pytest.fixture
def follower(servers: Path, primary: Server) -> Iterator[Standby]:
    """Its standby, which may be promoted."""
    with postgres_servers.standby(servers / f"follower_{next(NUMBERS)}", primary) as running:
        yield running


def stop_following(follower: Standby) -> None:
    """End the WAL receiver, so that the standby gets nothing more of what its primary does."""
    follower.admin.execute("alter system set primary_conninfo = ''")
    follower.admin.execute("select pg_reload_conf()")
    until(lambda: not follower.admin.execute("select from pg_stat_wal_receiver").fetchall())


@pytest.mark.parametrize(("before", "mode"), [("", "immediate"), (ALONE, "fast")], ids=["a crash", "a planned stop"])
def test_what_the_new_primary_did_not_get_is_not_said_to_stay(
    before: str, mode: str, project: Project, primary: Server, follower: Standby
) -> None:
    """What was told as executed is looked up again in the history of the server that answers."""
    primary.admin.execute("create database shop")
    with Switch(primary.url("shop")) as switch:
        there = project.at(switch.url)
        assert succeeded(there.add_tables("a").up()) == ["001_a"]
        follower.url("shop")  # once the standby has that
        stop_following(follower)
        there.add("002_fast", "create table fast ();").add("003_slow", f"{before}{SLOW};")
        seen: list[Event] = []
        thread = threading.Thread(target=lambda: seen.extend(there.up()))
        thread.start()
        until(lambda: primary.admin.execute("select from pg_stat_activity where query ~ '^select pg_sleep'").fetchall())
        switch.leads_to(Server.url(follower, "shop"))
        follower.admin.execute("select pg_promote()")
        primary.cluster.run("pg_ctl", "stop", f"--mode={mode}", "--pgdata", str(primary.cluster.data))
        thread.join()

        failed = failure(seen)
        assert finished(seen) == ["002_fast"]
        assert [step.label for step in failed.gone] == ["002_fast"]
        said = "".join(text for line in failure_lines(failed, [], str, dry_run=False) for _, text in line)
        assert "002_fast was executed and is not there any more: another server answers now" in said
        assert "stays executed" not in said
        there.add("003_slow", f"{before}select 1;")
        assert succeeded(there.up()) == ["002_fast", "003_slow"]
