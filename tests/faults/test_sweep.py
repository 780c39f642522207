"""A sample of the points at which `make faults` disturbs runs, and what the sweep itself finds."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import cut
import psycopg
import pytest
import sweep
from in_flight import IN_FLIGHT, InFlight, Seen, require_complete, require_told
from orders import killed_at
from points import Point, Site
from postgres_servers import Server
from reruns import RERUNS, Rerun

SAMPLE = {"in transactions": 37, "without": 61, "half-done down": 53, "lock given away": 53, "folded": 19}
KILLED = ("at once", "watched")
IN_FLIGHT_SAMPLE = {"in flight": 211, "in flight down": 211}


@pytest.fixture
def site(postgres: Server, tmp_path: Path) -> Iterator[Site]:
    with Site(tmp_path / "site", postgres) as site:
        yield site


@pytest.fixture(params=IN_FLIGHT, ids=[each.name for each in IN_FLIGHT])
def kind(request: pytest.FixtureRequest) -> InFlight:
    """Each kind with files in flight in turn; those through a pooler need PgBouncer."""
    kind: InFlight = request.param
    if kind.is_pooled:
        request.getfixturevalue("pgbouncer")
    return kind


# -- a sample ----------------------------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("rerun", RERUNS, ids=[each.name for each in RERUNS])
def test_a_cut_connection_loses_nothing(rerun: Rerun, site: Site) -> None:
    """After a cut at any message, the next run ends as an undisturbed run does."""
    points = [each for each in rerun.points(site) if each.how in cut.SIDES][:: SAMPLE[rerun.name]]

    for point in points:
        rerun.disturb(site, point)

    assert len(points) > 10


@pytest.mark.parametrize(
    ("name", "number"),
    [
        ("in transactions", 4),
        ("without", 4),
        ("without", 8),
        ("without", 12),
        ("lock given away", 7),
        ("half-done down", 4),
        ("half-done down", 9),
        ("half-done down", 13),
        ("folded", 6),
        ("folded", 11),
        ("folded", 12),
    ],
)
def test_a_killed_process_loses_nothing(name: str, number: int, site: Site) -> None:
    """After `kill -9` at an event, the next run ends as an undisturbed run does."""
    assert sweep.KINDS[name].disturb(site, Point(name, "watched", number)) is True


def test_files_in_flight_are_cut(kind: InFlight, site: Site) -> None:
    """Also before the next run, what is executed is the first files, and each that was told is among them."""
    points = [each for each in kind.points(site) if each.how in cut.SIDES][:: IN_FLIGHT_SAMPLE.get(kind.name, 101)]

    for point in points:
        kind.disturb(site, point)

    assert len(points) > 10


@pytest.mark.parametrize("how", KILLED)
def test_a_run_with_files_in_flight_is_killed(kind: InFlight, how: str, site: Site) -> None:
    """The same after `kill -9`: what was sent already may still be executed, in its order."""
    assert kind.disturb(site, Point(kind.name, how, 11)) is True


@pytest.mark.parametrize(("how", "number"), [("up", 0), ("up", 1), pytest.param("down", 2, marks=pytest.mark.slow)])
def test_the_server_is_killed_with_files_in_flight(how: str, number: int, site: Site) -> None:
    """The same after a crash of the server; it is started again, and the run finds it, or was killed with it."""
    sweep.KINDS["server killed"].disturb(site, Point("server killed", how, number))


@pytest.mark.slow
@pytest.mark.parametrize("number", [0, 1], ids=["as they come", "all wait for the first file"])
@pytest.mark.parametrize("how", ["direct", "pooled"])
def test_eight_processes_execute_thirty_files(how: str, number: int, site: Site, pgbouncer: str) -> None:
    """Each file is executed once, by whichever process, and each process succeeds."""
    assert pgbouncer
    sweep.KINDS["eight at once"].disturb(site, Point("eight at once", how, number))


# -- the sweep itself --------------------------------------------------------------------------------------------------


def test_every_point_of_a_run_is_reached(site: Site) -> None:
    """The connection is cut before the first message and after others, and the process is killed at each event."""
    kind = sweep.KINDS["a statement fails"]
    points = {how: [each for each in kind.points(site) if each.how == how] for how in (*cut.SIDES, *KILLED)}

    assert [kind.disturb(site, points[how][0]) for how in points] == [True] * 4
    assert [kind.disturb(site, points[how][len(points[how]) // 2]) for how in points] == [True] * 4
    assert [kind.disturb(site, points[how][-1]) for how in points if how in KILLED] == [True] * 2
    assert not kind.disturb(site, Point(kind.name, "client", 10_000))


def test_a_problem_is_told_at_once(
    site: Site, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """It comes with what tries its point again, and counts in the last line."""
    expected = dataclasses.replace(RERUNS[0], _expected={})
    monkeypatch.setitem(sweep.KINDS, expected.name, expected)
    monkeypatch.setattr("reruns.found", lambda url: url)  # each database is another one
    point = Point.named("in transactions,client,7")

    done = sweep.tried(site, point)
    sweep._tell(done)

    told = capsys.readouterr().out
    assert told.startswith("PROBLEM at in transactions,client,7: AssertionError: not as after an undisturbed run: ")
    assert told.endswith(" --point 'in transactions,client,7'\n")
    assert sweep.summary([done], 3.2) == (
        "faults: 1 points (in transactions: 1 client), 0 of them after the end: 1 with a problem, 3 s"
    )


FIRST_TWO = Seen([1, 2], [], [1, 2], [1, 2], Counter({("up", 1): 1, ("up", 2): 1}))
WRONG = {
    "a gap in the history": {"executed": [1, 3]},
    "a table of a file that is not executed": {"tables": [1, 2, 3]},
    "a file without its table": {"tables": [1]},
    "a file that was executed twice": {"counted": [1, 2, 2]},
}


@pytest.mark.parametrize("wrong", WRONG.values(), ids=WRONG)
def test_what_is_not_the_first_files(wrong: dict[str, list[int]]) -> None:
    """The sweep finds it, whatever of history, tables and rows disagrees."""
    assert FIRST_TWO.require_first() == 2
    with pytest.raises(AssertionError, match="not the first files"):
        dataclasses.replace(FIRST_TWO, **wrong).require_first()


def test_what_is_not_complete() -> None:
    """The sweep finds a file that is left, a failure that is left, and an entry of the log too many."""
    require_complete(FIRST_TWO, "up", 2)
    for count, changed in ((3, {}), (2, {"others": [(3, "failed")]}), (2, {"logged": Counter({("up", 1): 2})})):
        with pytest.raises(AssertionError):
            require_complete(dataclasses.replace(FIRST_TWO, **changed), "up", count)


@pytest.mark.parametrize(
    ("direction", "told", "executed"),
    [("up", ["001", "002", "003"], 2), ("up", ["001", "003"], 3), ("down", ["003"], 3), ("down", ["002"], 1)],
)
def test_what_was_told_and_is_not_there(direction: str, told: list[str], executed: int) -> None:
    """The sweep finds a finished file that is not executed, and one that was left out."""
    require_told(["001"] if direction == "up" else ["003", "002"], 1, direction, 3)
    with pytest.raises(AssertionError):
        require_told(told, executed, direction, 3)


def test_messages_are_counted_however_they_arrive() -> None:
    """Several at once, and the rest of one later; the first of the client has no type."""
    first, other = b"\0\0\0\x06ab", b"Q\0\0\0\x05a"
    assert cut._whole(first + other + other[:3], None, is_first=True) == (2, 12)
    assert cut._whole(other[:3] + other[3:] + other, 1, is_first=False) == (1, 6)
    assert cut._whole(other[:3], None, is_first=False) == (0, 0)
    assert cut._whole(first + other, 0, is_first=True) == (0, 0)


def test_a_victim_tells_before_it_is_killed(site: Site) -> None:
    """What it says is written at once: the steps that were finished by then."""
    kind = IN_FLIGHT[0]
    with site.server.database() as url:
        told, is_killed = killed_at(kind.order(site).watched(), url, 20)
        assert is_killed
        assert told == [f"{n:03}" for n in range(1, len(told) + 1)]
        assert len(told) > 2
        with psycopg.connect(url) as conn:
            assert conn.execute("select count(*) from migrations where status = 'executed'").fetchone() == (len(told),)
