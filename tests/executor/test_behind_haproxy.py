"""A server behind HAProxy, which cuts connections on which nothing was said for some seconds."""

from __future__ import annotations

import pytest
from balancers import haproxy
from postgres_servers import Server
from project import Project, failure, succeeded
from psycopg.conninfo import conninfo_to_dict
from waiting import until

from sqlmigrate.database import pipeline

ALONE = "-- sqlmigrate: no-transaction\n"
MODES = pytest.mark.parametrize("before", ["", ALONE], ids=["in a transaction", "without"])
BUSY = "select from pg_stat_activity where state = 'active' and query ~ '^select pg_sleep'"


@pytest.mark.slow
@MODES
def test_a_statement_that_takes_longer_than_the_timeout(
    before: str, haproxy_program: str, project: Project, postgres: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Something is said now and then while its answer is awaited, so it is executed, and so is what follows."""
    project.add("001_slow", f"{before}select pg_sleep(9);").add("002_a", "create table a ();")
    monkeypatch.setattr(pipeline, "_HEARTBEAT_SECONDS", 0.2)
    with haproxy(haproxy_program, postgres, seconds=4) as url:
        there = project.at(f"{url}{conninfo_to_dict(project.url)['dbname']}")
        assert succeeded(there.up(tick=60)) == ["001_slow", "002_a"]


@MODES
def test_a_connection_that_is_cut_in_between(
    before: str, haproxy_program: str, project: Project, postgres: Server
) -> None:
    """It is said that something in between has cut it, and how long it was silent; the server's process is ended."""
    project.add("001_slow", f"{before}select pg_sleep(600);")
    with haproxy(haproxy_program, postgres, seconds=1) as url:
        there = project.at(f"{url}{conninfo_to_dict(project.url)['dbname']}")
        ended = there.call("up")
        failed = failure(there.up(tick=60))
    print(ended.screen)
    assert failed.error.hint is not None
    assert failed.error.hint.startswith("something in between, a proxy or a balancer, has closed the connection after ")
    assert failed.error.next_steps == ("connect past it, to another host or port, then: sqlmigrate up",)
    assert until(lambda: not postgres.admin.execute(BUSY).fetchall())
    assert project.states() == {"001_slow": "failed"}
