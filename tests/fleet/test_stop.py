"""A run of a fleet that is stopped: also where a host does not answer, and where it waits for others."""

from __future__ import annotations

import json
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime
from itertools import takewhile

import children
import psycopg
import pytest
from fleet_project import Fleet
from proxies import Silent
from waiting import until

from sqlmigrate.executor.events import Blocked, Postponed
from sqlmigrate.files.folder import load
from sqlmigrate.fleet.policy import FleetPolicy
from sqlmigrate.fleet.results import Ended, Queued, Started
from sqlmigrate.fleet.run import fleet
from sqlmigrate.fleet.target import Target
from sqlmigrate.plan.plan import Limits

Make = Callable[[int], Fleet]
PATIENT = "connect_timeout=600"  # only a stop ends the wait for an answer
SLEEPING = "select count(*) from pg_stat_activity where query ~ 'pg_sleep.600' and pid <> pg_backend_pid()"


@pytest.fixture
def falls_silent(fleet_of: Make) -> Iterator[tuple[Fleet, Silent]]:
    """Two databases; the way to the second answers at the look, and not to the connection that is to execute."""
    shops = fleet_of(2)
    with Silent(shops.urls["shop_02"], answered=1) as host:
        shops.write(f"shop_03 {host.url}?{PATIENT}")
        yield shops, host


def test_a_signal_ends_it_while_a_host_does_not_answer(fleet_of: Make) -> None:
    """At the look: nothing has begun, so nothing is told of that target but that."""
    shops = fleet_of(1)
    shops.sql.add_tables("a")
    with Silent(shops.urls["shop_01"], answered=0) as host:
        shops.write(f"silent {host.url}?{PATIENT}")
        process = children.start(
            [sys.executable, "-m", "sqlmigrate", "fleet", "up", "--targets", "targets.txt"],
            cwd=shops.folder, stdout=-1, stderr=-1, text=True,
        )  # fmt: skip
        until(lambda: host.waiting)
        process.send_signal(signal.SIGINT)
        out, _ = process.communicate()

    assert process.returncode == 130
    assert "next: sqlmigrate fleet up --targets targets.txt" in out
    assert shops.recorded() == {"shop_01": []}


def test_a_signal_ends_it_while_a_host_has_fallen_silent(falls_silent: tuple[Fleet, Silent]) -> None:
    """What is executed elsewhere is cancelled and recorded; the silent one is interrupted with nothing done."""
    shops, host = falls_silent
    shops.sql.add("001_a", "create table a ();").add("002_b", "select pg_sleep(600);")
    process = children.start(
        [sys.executable, "-m", "sqlmigrate", "fleet", "up", "--targets", "targets.txt", "--skip", "shop_02",
         "--format", "json"],
        cwd=shops.folder, stdout=-1, stderr=-1, text=True,
    )  # fmt: skip
    until(lambda: host.waiting and shops.sql.value(SLEEPING) == 1)
    process.send_signal(signal.SIGTERM)
    out, _ = process.communicate()

    assert process.returncode == 128 + signal.SIGTERM
    events = list(map(json.loads, out.splitlines()))
    ends = {each["target"]: each for each in events if each.get("event") == "ended"}
    assert {name: (end["state"], end["executed"]) for name, end in ends.items()} == {
        "shop_01": ("interrupted", ["001_a"]), "shop_03": ("interrupted", []),
    }  # fmt: skip
    assert shops.recorded() == {"shop_01": [("001", "executed"), ("002", "failed")], "shop_02": []}


def test_a_signal_ends_a_pause(fleet_of: Make) -> None:
    """No failure is recorded for a target that waits for the locks of others."""
    shops = fleet_of(1)
    shops.sql.add_tables("a")
    shops.run()
    shops.sql.add("002_b", "alter table a add b int;")
    with psycopg.connect(shops.urls["shop_01"]) as holder:
        holder.execute("select from a")
        process = children.start(
            [sys.executable, "-m", "sqlmigrate", "fleet", "up", "--targets", "targets.txt", "--format", "json",
             "--lock-timeout", "50ms", "--lock-retries", "1000"],
            cwd=shops.folder, stdout=-1, stderr=-1, text=True,
        )  # fmt: skip
        assert process.stdout
        next(line for line in process.stdout if '"blocked"' in line)
        process.send_signal(signal.SIGINT)
        out, _ = process.communicate()

    assert process.returncode == 130
    assert json.loads(out.splitlines()[-1])["summary"]["states"] == {"interrupted": 1}
    assert shops["shop_01"].states() == {"001_a": "executed", "002_b": "pending"}


def test_a_host_that_answers_after_the_stop_gets_nothing(falls_silent: tuple[Fleet, Silent]) -> None:
    """The generator is closed while the connection waits; then the way is free again, and nothing is executed."""
    shops, host = falls_silent
    shops.sql.add_tables("a")
    targets = [Target("shop_02", f"{host.url}?{PATIENT}")]

    with closing(fleet(targets, load(shops.folder / "sql"))) as happening:
        started = [event for _, event in takewhile(lambda told: not isinstance(told[1], Started), happening)]
        until(lambda: host.waiting)
    assert started
    host.answer()
    until(lambda: not any(thread.name == "fleet" for thread in threading.enumerate()))  # it has given up

    assert shops.recorded()["shop_02"] == []


def test_a_target_that_waits_says_when_it_tries_again(fleet_of: Make) -> None:
    """With one thread it goes back into the queue, with the time of the next try."""
    shops = fleet_of(2)
    shops.sql.add_tables("a")
    shops.run()
    shops.sql.add("002_b", "alter table a add b int;")
    limits = Limits(lock_timeout="50ms", lock_retries=1000)
    queued: list[Queued] = []
    blocked: list[Blocked] = []

    with psycopg.connect(shops.urls["shop_01"]) as holder:
        holder.execute("select from a")
        began = datetime.now(UTC)
        happening = fleet(shops.targets, load(shops.folder / "sql"), limits=limits, policy=FleetPolicy(jobs=1))
        for target, event in happening:
            queued += [event] if isinstance(event, Queued) else []
            blocked += [event] if isinstance(event, Blocked) else []
            if target.name == "shop_02" and isinstance(event, Ended):
                holder.rollback()

    assert queued
    assert queued[0].next_try == blocked[0].next_try > began
    assert queued[0].pause <= blocked[0].pause


def test_a_run_that_waits_can_be_put_off(fleet_of: Make) -> None:
    """By `Postponed`, thrown in at a pause: no failure is recorded, and the next run goes on."""
    shops = fleet_of(1)
    shops.sql.add_tables("a")
    shops.run()
    shops.sql.add("002_b", "alter table a add b int;")

    with psycopg.connect(shops.urls["shop_01"]) as holder:
        holder.execute("select from a")
        happening = shops.sql.running_up(limits=Limits(lock_timeout="50ms", lock_retries=1000))
        events = [type(next(happening)).__name__]
        while events[-1] != "Pausing":
            events.append(type(next(happening)).__name__)
        with pytest.raises(Postponed):
            happening.throw(Postponed())

    assert [each for each in events if each != "Progress"] == ["Planned", "Began", "Blocked", "Pausing"]
    assert shops["shop_01"].states() == {"001_a": "executed", "002_b": "pending"}
    assert shops["shop_01"].logged() == [("up", "001")]
    shops.sql.up()
    assert shops["shop_01"].states() == {"001_a": "executed", "002_b": "executed"}
