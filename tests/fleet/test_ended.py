"""Each target ends once, whatever becomes of it; and why no other was begun."""

from __future__ import annotations

import json
from collections.abc import Callable

from fleet_project import Fleet

from sqlmigrate.errors import SqlmigrateError
from sqlmigrate.files.folder import load
from sqlmigrate.fleet.brake import Brake
from sqlmigrate.fleet.policy import FleetPolicy
from sqlmigrate.fleet.results import Ended, Looked
from sqlmigrate.fleet.run import fleet
from sqlmigrate.fleet.target import Target

Make = Callable[[int], Fleet]


def test_the_last_event_of_each_target_says_how_it_has_ended(fleet_of: Make) -> None:
    """Done, up to date, left out, failed, not begun, not reached: a program that reads this event alone knows all."""
    shops = fleet_of(5)
    shops.sql.add_tables("a")
    shops.run()
    shops.sql.add("002_b", "create table b ();")
    shops["shop_01"].up()
    shops.execute("shop_02", "update migrations set checksum = 'other'")
    shops.execute("shop_04", "create table b ()")
    targets = [*shops.targets, Target("gone", "host=/nowhere dbname=x")]

    found: dict[str, str] = {}
    for target, event in fleet(targets, load(shops.folder / "sql"), policy=FleetPolicy(jobs=1)):
        assert target.name not in found, "an event behind the last one"
        if isinstance(event, Ended):
            found[target.name] = event.state

    assert found == {
        "shop_01": "up to date", "shop_02": "left out", "shop_03": "done", "shop_04": "failed",
        "shop_05": "not begun", "gone": "unreachable",
    }  # fmt: skip


def test_after_strict_each_target_has_ended_too(fleet_of: Make) -> None:
    shops = fleet_of(2)
    shops.sql.add_tables("a")
    shops.write("gone host=/nowhere dbname=x")

    ended = shops.call("up", "--strict", "--format", "json")

    events = [json.loads(line) for line in ended.stdout.splitlines()]
    states = {each["target"]: each["state"] for each in events if each.get("event") == "ended"}
    assert states == {"shop_01": "not_begun", "shop_02": "not_begun", "gone": "unreachable"}


def test_a_canary_that_another_run_has_brought_up_to_date_is_done(fleet_of: Make) -> None:
    """Between the look and its turn: then the others are begun."""
    shops = fleet_of(3)
    shops.sql.add_tables("a")
    looked, found = 0, {}

    for target, event in fleet(shops.targets, load(shops.folder / "sql"), policy=FleetPolicy(canaries=1)):
        if isinstance(event, Looked):
            looked += 1
            if looked == len(shops.targets):
                shops["shop_01"].up()
        if isinstance(event, Ended):
            found[target.name] = event.state

    assert found == {"shop_01": "up to date", "shop_02": "done", "shop_03": "done"}


def test_why_no_other_was_begun_counts_as_the_summary_does() -> None:
    error = SqlmigrateError("it failed")
    brake = Brake(3)
    for number, state in enumerate(("failed", "unreachable", "done", "not known")):
        assert not brake.reason
        brake.keep(Ended(state, error=None if state == "done" else error.with_(message=f"{number}")))

    assert brake.reason == "1 failed, 1 cannot be reached, 1 not known, so the others were not begun (--max-failures)"
