"""A server that waits for a synchronous standby which is gone: each COMMIT waits for it, until it is cancelled."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from pathlib import Path

import postgres_servers
import pytest
from postgres_servers import Server
from project import Project, failure, finished
from psycopg.conninfo import conninfo_to_dict

from sqlmigrate.executor.events import Event, Noticed, Progress
from sqlmigrate.output import progress_lines

ALONE = "-- sqlmigrate: no-transaction\n"
WAITS = "IPC SyncRep"


@pytest.fixture(scope="module")
def left_alone(servers: Path) -> Iterator[Server]:
    """A server whose synchronous standby is gone."""
    with postgres_servers.server(servers / "left_alone", 18) as running:
        running.admin.execute("set synchronous_commit = local")
        running.admin.execute("alter system set synchronous_standby_names = 'gone'")
        running.admin.execute("select pg_reload_conf()")
        yield running


@pytest.fixture
def alone(left_alone: Server, project: Project) -> Iterator[Project]:
    with left_alone.database() as url:
        left_alone.admin.execute(f"alter database {conninfo_to_dict(url)['dbname']} set synchronous_commit = on")
        yield project.at(url)


def looked_up(project: Project) -> list[tuple[str, str]]:
    return project.at(f"{project.url}&options=-csynchronous_commit%3Dlocal").recorded()


def interrupted(events: Iterator[Event]) -> Iterator[Event]:
    """Interrupt a run once, as Ctrl-C does, and give the events that still come."""
    assert isinstance(events, Generator)
    yield events.throw(KeyboardInterrupt)
    yield from events


@pytest.mark.parametrize("before", ["", ALONE], ids=["in a transaction", "without"])
def test_a_failure_is_told_and_recorded(before: str, alone: Project) -> None:
    """The rows that note it do not wait for the standby, nor does the history when it is created."""
    failed = failure(alone.add("001_a", f"{before}select 1 / 0;").up())

    assert failed.error.message == "division by zero"
    assert looked_up(alone) == [("001", "failed")]


@pytest.mark.parametrize("before", ["", ALONE], ids=["in a transaction", "without"])
def test_one_ctrl_c_leaves_a_commit_that_waits_with_the_truth(before: str, alone: Project) -> None:
    """It says whom it waits for. What is committed here is told as executed, with PostgreSQL's words on the standby."""
    events = alone.add("001_a", f"{before}create table a ();").running_up(tick=0.05)
    waiting = next(each for each in events if isinstance(each, Progress) and each.activity.waits_for == WAITS)
    seen: list[Event] = []
    with pytest.raises(KeyboardInterrupt):
        seen.extend(interrupted(events))

    assert "its COMMIT waits for a synchronous standby" in progress_lines.live(waiting, 200)
    print(seen)
    assert "a" in alone.relations()
    if before:
        assert failure(seen).kept == ("statement 1 is executed and stays",)
        return
    said = [each.message for each in seen if isinstance(each, Noticed)]
    assert "canceling wait for synchronous replication due to user request" in said
    assert finished(seen) == ["001_a"]
    assert looked_up(alone) == [("001", "executed")]
