"""A primary and its standby behind pgpool-II, which sends reading to the standby: nothing of ours is read there.

The standby does not follow while a test runs: what is read there is old, and a run would see nothing of what was done.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from balancers import pgpool
from postgres_servers import Server, Standby
from project import Project, failure, succeeded
from psycopg.conninfo import conninfo_to_dict

ALONE = "-- sqlmigrate: no-transaction\n"
CONCURRENTLY = f"{ALONE}create index concurrently on a (id);"
# On a busy machine a health check may come too late. Then pgpool searches for a primary, and accepts no connection.
NO_FAILOVER = ("health_check_period = 0", "failover_on_backend_error = off")
WHERE = "select current_setting('in_hot_standby')"


@pytest.fixture(scope="module")
def balancer(pgpool_program: str, postgres: Server, standby: Standby) -> Iterator[str]:
    standby.url()
    with pgpool(pgpool_program, postgres, standby, *NO_FAILOVER) as url:
        yield url


@pytest.fixture
def balanced(balancer: str, project: Project, standby: Standby) -> Iterator[Project]:
    """The project through pgpool; the standby has its database, and nothing of what is done from now on."""
    name = str(conninfo_to_dict(project.url)["dbname"])
    standby.url(name)
    with paused(standby):
        yield project.at(f"{balancer}{name}")


@contextmanager
def paused(standby: Standby) -> Iterator[None]:
    standby.admin.execute("select pg_wal_replay_pause()")
    try:
        yield
    finally:
        standby.admin.execute("select pg_wal_replay_resume()")


def test_reading_goes_to_the_standby(balanced: Project) -> None:
    """Otherwise the tests of this module would show nothing."""
    assert balanced.value(f"{WHERE} from generate_series(1, 1)") == "on"


def test_all_kinds_of_files_are_executed_undone_and_told(balanced: Project, project: Project) -> None:
    """Each is executed once, and `status` and `up` know it at once, though the standby has none of it."""
    balanced.add("001_a", "create table a (id int);", "drop table a;")
    balanced.add("002_rows", "copy a from stdin;\n1\n2\n\\.\n", "delete from a;")
    balanced.add("003_index", CONCURRENTLY, f"{ALONE}drop index concurrently a_id_idx;")
    balanced.add("004_b", "create table b as select count(*) from a;", "drop table b;")
    labels = ["001_a", "002_rows", "003_index", "004_b"]

    assert succeeded(balanced.up()) == labels
    assert project.query("select * from b") == [(2,)]
    assert set(balanced.states().values()) == {"executed"}
    assert succeeded(balanced.up()) == []
    assert balanced.call("status").screen == project.call("status").screen.replace(*places(project, balanced))
    assert succeeded(balanced.down(all=True)) == labels[::-1]
    assert set(balanced.states().values()) == {"pending"}
    assert succeeded(balanced.up()) == labels


def places(one: Project, other: Project) -> tuple[str, str]:
    """Give the places of both as screens show them."""
    first, second = conninfo_to_dict(one.url), conninfo_to_dict(other.url)
    return f"socket {first['host']}", f"{second['host']}:{second['port']}"


def test_a_run_looks_for_changes_by_hand_on_the_primary(balanced: Project, project: Project) -> None:
    """The snapshot of the last run is not the one that the standby has."""
    balanced.add_tables("a").up()
    project.execute("create table by_hand ()")
    balanced.add("002_b", "create table b ();")
    assert "note: the schema was changed by hand" in balanced.call("up").stderr


def test_a_dry_run_leaves_nothing(balanced: Project, project: Project) -> None:
    """What is pending by the history of the primary is tried."""
    balanced.add_tables("a").up()
    balanced.add("002_b", "create table b as select 1 from a;")
    assert succeeded(balanced.up(dry_run=True)) == ["002_b"]
    assert project.relations() == {"a"}


@pytest.mark.parametrize("before", ["", ALONE], ids=["in a transaction", "without"])
def test_a_failure_is_recorded_and_mended(before: str, balanced: Project) -> None:
    """The next run begins with the file that failed."""
    balanced.add_tables("a").add("002_b", f"{before}select 1 / 0;")
    assert failure(balanced.up()).error.message == "division by zero"
    assert balanced.states() == {"001_a": "executed", "002_b": "failed"}
    assert succeeded(balanced.add("002_b", f"{before}create table b ();").up()) == ["002_b"]


def test_a_first_run_that_needs_its_session(balanced: Project) -> None:
    """Two nodes have two processes for one client: that is not a pooler that shares sessions."""
    balanced.add("001_a", f"{ALONE}create table a (id int); create index concurrently on a (id);")
    for _ in range(5):
        assert succeeded(balanced.up()) == ["001_a"]
        balanced.execute("drop table migrations, migrations_log, migrations_schema, a")
