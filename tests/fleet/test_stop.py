"""A run of a fleet that is stopped: also where a host does not answer, and where it waits for others."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime
from itertools import takewhile
from typing import Any

import children
import psycopg
import pytest
from fleet_project import Fleet
from proxies import Silent
from waiting import until

from sqlmigrate.database import run_lock
from sqlmigrate.executor.events import Blocked, Postponed
from sqlmigrate.files.folder import load
from sqlmigrate.fleet.policy import FleetPolicy
from sqlmigrate.fleet.results import Ended, Queued, Started
from sqlmigrate.fleet.run import fleet
from sqlmigrate.fleet.target import Target
from sqlmigrate.plan.plan import Limits

Make = Callable[[int], Fleet]
PATIENT = "connect_timeout=600"  # only a stop ends the wait for an answer


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
    until(lambda: host.waiting and shops.sleeping() == 1)
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
    shops = _about_to_alter(fleet_of(1))
    with psycopg.connect(shops.urls["shop_01"]) as holder:
        holder.execute("select from a")
        process = children.start(
            [sys.executable, "-m", "sqlmigrate", "fleet", "up", "--targets", "targets.txt", "--format", "json",
             "--lock-timeout", "50ms", "--lock-retries", "1000"],
            cwd=shops.folder, stdout=-1, stderr=-1, text=True,
        )  # fmt: skip
        assert process.stdout
        for _ in range(4):  # the fourth pause is long enough for the signal to come in it
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


def _about_to_alter(shops: Fleet) -> Fleet:
    """Execute a table, and write a file that needs its lock."""
    shops.sql.add_tables("a")
    shops.run()
    shops.sql.add("002_b", "alter table a add b int;")
    return shops


def test_a_target_that_waits_says_when_it_tries_again(fleet_of: Make) -> None:
    """With one thread it goes back into the queue, with the time of the next try."""
    shops = _about_to_alter(fleet_of(2))
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
    shops = _about_to_alter(fleet_of(1))

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


Stop = Callable[..., "tuple[Fleet, subprocess.CompletedProcess[str]]"]
SLEEPS = "select pg_sleep(600);"
# The cancel ends the sleep, and the file is committed: as if the stop had come when it was all but done.
UNSTOPPABLE = "do $$ begin perform pg_sleep(600); exception when query_canceled then null; end $$;"


def _ends(out: str) -> dict[str, dict[str, Any]]:
    events = map(json.loads, out.splitlines())
    return {each["target"]: each for each in events if each.get("event") == "ended"}


@pytest.fixture
def stopped(fleet_of: Make) -> Stop:
    """Executes files on two databases, and stops that by SIGTERM when both sleep in a statement."""

    def stop(
        *options: str, then: Callable[[Fleet], None] | None = None, **files: str
    ) -> tuple[Fleet, subprocess.CompletedProcess[str]]:
        shops = fleet_of(2)
        for name, text in files.items():
            shops.sql.add(name.removeprefix("_"), text)
        process = children.start(
            [sys.executable, "-m", "sqlmigrate", "fleet", "up", "--targets", "targets.txt", *options],
            cwd=shops.folder, stdout=-1, stderr=-1, text=True,
        )  # fmt: skip
        # A file is sent before the program tells that it begins.
        until(lambda: shops.sleeping("query_start < clock_timestamp() - interval '1 s'") == 2)
        if then:
            then(shops)
        process.send_signal(signal.SIGTERM)
        out, err = process.communicate()
        return shops, subprocess.CompletedProcess([], process.returncode, out, err)

    return stop


def test_what_was_committed_after_a_stop_is_told_as_executed(stopped: Stop) -> None:
    shops, ended = stopped("--format", "json", _001_a="create table a ();", _002_b=UNSTOPPABLE)

    assert ended.returncode == 128 + signal.SIGTERM
    done = ("done", ["001_a", "002_b"], None)
    assert {
        name: (end["state"], end["executed"], end["migration"]) for name, end in _ends(ended.stdout).items()
    } == {"shop_01": done, "shop_02": done}  # fmt: skip
    everything = [("001", "executed"), ("002", "executed")]
    assert shops.recorded() == {"shop_01": everything, "shop_02": everything}


def test_an_interrupted_target_names_what_was_rolled_back(stopped: Stop) -> None:
    _, ended = stopped(_001_a="create table a ();", _002_b=SLEEPS)

    assert re.search(r"⏸️ shop_01   002_b was rolled back, 1 migration done +[\d,]+ ms", ended.stdout)
    assert re.search(r"⏸️ shop_02   002_b was rolled back, 1 migration done +[\d,]+ ms", ended.stdout)


def test_a_file_without_a_transaction_that_was_interrupted_is_not_told_as_rolled_back(stopped: Stop) -> None:
    text = f"-- sqlmigrate: no-transaction\ncreate table a ();\n{SLEEPS}"
    shops, ended = stopped(_001_a=text)

    assert "⏸️ shop_01   001_a stopped inside it" in ended.stdout
    assert shops.sql.value("select to_regclass('a')::text") == "a"


def test_if_the_history_does_not_tell_what_became_of_a_file_the_screen_says_so(stopped: Stop) -> None:
    def hide(shops: Fleet) -> None:
        for name in shops.urls:
            shops.execute(name, "alter table migrations rename to hidden")

    _, ended = stopped(_001_a=f"-- sqlmigrate: no-transaction\n{SLEEPS}", then=hide)

    assert "2 not known" in ended.stdout
    assert "it is not known whether statement 1 of 001_a was executed" in ended.stderr
    assert "interrupted ·" not in ended.stdout


def test_a_second_signal_says_what_may_still_be_executed(fleet_of: Make) -> None:
    shops = fleet_of(1)
    again = UNSTOPPABLE.replace("begin perform", "begin loop begin perform").replace("end $$", "end; end loop; end $$")
    shops.sql.add("001_a", again)
    process = children.start(
        [sys.executable, "-m", "sqlmigrate", "fleet", "up", "--targets", "targets.txt"],
        cwd=shops.folder, stdout=-1, stderr=-1, text=True,
    )  # fmt: skip
    until(lambda: shops.sleeping() == 1)
    process.send_signal(signal.SIGINT)
    assert process.stderr
    assert "interrupted: what is being executed is cancelled" in process.stderr.readline()
    process.send_signal(signal.SIGINT)
    _, err = process.communicate()

    assert process.returncode == 130
    assert "interrupted again: what was sent may still be executed on 1 target: shop_01" in " ".join(err.split())


def test_a_target_on_which_another_run_is_under_way_says_so_and_how_long_it_was_asked_to_wait(fleet_of: Make) -> None:
    """With one thread they go back into the queue: the wait is one all the same, and the cause too."""
    shops = fleet_of(2)
    shops.sql.add_tables("a")
    shops.run()
    shops.sql.add("002_b", "create table b ();")
    key = run_lock.lock_key("public.migrations")
    with psycopg.connect(shops.urls["shop_01"]) as one, psycopg.connect(shops.urls["shop_02"]) as other:
        for holder in (one, other):
            holder.execute("select pg_advisory_lock(%s)", [key])
        ended = shops.call("up", "--lock-wait", "2s", "--jobs", "1", "--max-failures", "9")

    assert ended.code == 4
    assert "2 kept out by another run" in ended.stdout
    assert ended.stderr.count("another run still holds the lock after 2 s") == 1


def test_the_tries_of_a_target_that_was_in_the_queue_are_counted_together(fleet_of: Make) -> None:
    shops = _about_to_alter(fleet_of(2))
    with psycopg.connect(shops.urls["shop_01"]) as holder:
        holder.execute("select from a")
        ended = shops.call("up", "--lock-timeout", "50ms", "--lock-retries", "1", "--jobs", "1")

    assert "tried 2 times" in ended.stderr
