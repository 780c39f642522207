"""Round trips, counted by a proxy: each takes 20 ms on a database that is 20 ms away."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from project import Project, failure, succeeded
from proxies import TurnCounter

from sqlmigrate import load
from sqlmigrate.operations import status


@pytest.fixture
def counter(project: Project) -> Iterator[TurnCounter]:
    with TurnCounter(project.url) as proxy:
        yield proxy


def turns(counter: TurnCounter, work: Callable[[], object]) -> int:
    """Count the turns of some work through the proxy; connecting is not counted."""
    counter.reset()
    work()
    return counter.turns


def inserts(count: int) -> str:
    return "".join(f"insert into a values ({number});\n" for number in range(count))


@pytest.mark.parametrize("statements", [1, 2, 200])
def test_a_file_is_one_round_trip(statements: int, project: Project, counter: TurnCounter) -> None:
    """A file is one turn, up and down, with any number of statements.

    Looking, lock, cleaning up and a look for drift are four more, the snapshot at the end two.
    """
    there = project.at(counter.url)
    project.add_tables("a").up()

    project.add("002_b", inserts(statements), inserts(statements))
    assert turns(counter, lambda: succeeded(there.up())) == 7
    assert turns(counter, lambda: succeeded(there.down())) == 8  # one more: the texts that the history has recorded
    assert project.value("select count(*) from a") == 2 * statements


def test_further_files_take_no_round_trip(project: Project, counter: TurnCounter) -> None:
    """Ten files are as many turns as one: each is sent before the answers to the one before it are there."""
    there = project.at(counter.url)
    project.add_tables("a").up()

    project.add("002_b", inserts(2))
    one = turns(counter, there.up)
    for number in range(3, 13):
        project.add(f"{number:03}_c", inserts(number), inserts(1))

    assert turns(counter, lambda: succeeded(there.up())) == one
    assert turns(counter, lambda: succeeded(there.down(steps=10))) == one + 1


def test_a_file_with_settings_and_notices_is_one_round_trip_too(project: Project, counter: TurnCounter) -> None:
    """Directives, its own BEGIN, roles and notices cost no turn."""
    project.add_tables("a").up()
    text = (
        "-- sqlmigrate: lock-timeout 3s\n-- sqlmigrate: statement-timeout 1min\nbegin isolation level serializable;\n"
    )
    text += "set role pg_monitor; reset role; drop table if exists nothing; create temporary table t (); commit;"
    project.add("002_b", text)

    assert turns(counter, lambda: succeeded(project.at(counter.url).up())) == 7


def test_the_first_run_takes_no_more(project: Project, counter: TurnCounter) -> None:
    """On an empty database: look, lock, create the history, the file, two for the snapshot.

    Where there is any table, one more looks for tables of users and for histories of other tools.
    """
    there = project.add_tables("a").at(counter.url)
    assert turns(counter, lambda: succeeded(there.up())) == 6

    project.execute("drop table migrations, migrations_log, migrations_schema, a; create schema b; create table b.c ()")
    assert turns(counter, lambda: succeeded(there.up())) == 7


@pytest.mark.parametrize("direction", ["up", "down"])
def test_nothing_to_do_is_two_turns(direction: str, project: Project, counter: TurnCounter) -> None:
    """One for the server, one for the history, whatever its length."""
    there = project.at(counter.url)
    for number in range(1, 30):
        project.add(f"{number:03}_a", "select 1;", "select 1;")
    project.up()

    assert turns(counter, there.up if direction == "up" else lambda: there.down(to="29")) == 2
    assert counter.connections == 1


def test_looking_is_two_turns(project: Project, counter: TurnCounter) -> None:
    """`status` and `verify` need two; `log` one more, for the log."""
    project.add_tables("a").up()
    migrations = load(project.folder)

    assert turns(counter, lambda: status.status(counter.url, migrations)) == 2
    assert turns(counter, lambda: status.verify(counter.url, migrations)) == 2
    assert turns(counter, lambda: status.log(counter.url)) == 3


def test_a_failure_is_written_in_two_more(project: Project, counter: TurnCounter) -> None:
    """One for the rollback, one for the row with the log; two more tie the snapshot to the history."""
    project.add_tables("a").up()
    project.add("002_b", f"{inserts(100)}select nothing;\n{inserts(100)}")

    assert turns(counter, lambda: failure(project.at(counter.url).up())) <= 7 + 2
