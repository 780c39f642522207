"""`fleet drift --accept`: new snapshots where the schema is not what the last one has."""

from __future__ import annotations

import json
from collections.abc import Callable

import psycopg
import pytest
from fleet_project import Fleet
from narrow_terminal import on_terminal

from sqlmigrate.database import run_lock

Make = Callable[[int], Fleet]


@pytest.fixture
def changed(fleet_of: Make) -> Fleet:
    """Three databases: the first was changed by hand, of the second it is not known, the third is as it was left."""
    shops = fleet_of(3)
    shops.sql.add_tables("a")
    shops.call("up", "--skip", "shop_02")
    shops.call("up", "--drift", "off")
    shops.execute("shop_01", "create table by_hand ()")
    return shops


def test_it_takes_a_snapshot_where_something_differs_or_is_not_known(changed: Fleet) -> None:
    before = changed.call("drift")
    ended = changed.call("drift", "--accept", "--yes")

    assert "to expect the schemas as they are now: sqlmigrate fleet drift --targets targets.txt --accept" in (
        before.stdout
    )
    assert ended.code == 0
    assert ended.stdout.splitlines()[-1] == "✅ 2 snapshots taken: the schemas are expected as they are now"
    after = changed.call("drift")
    assert (after.code, after.stdout.splitlines()[-1]) == (0, "0 of 3 targets changed by hand")
    assert "accept" not in after.stdout


@pytest.mark.parametrize(("typed", "taken"), [("y\n", 2), ("n\n", 0)])
def test_it_asks_first(typed: str, taken: int, changed: Fleet) -> None:
    question = "Take snapshots with these changes? They are expected then (2 targets) [y/N]: "
    call = ["fleet", "drift", "--targets", "targets.txt", "--accept"]

    screen = on_terminal(changed.folder, changed.urls["shop_01"], *call, columns=120, answer=("[y/N]", typed))

    assert question in screen
    assert changed.call("drift").code == (0 if taken else 1)


def test_without_a_terminal_it_accepts_nothing(changed: Fleet) -> None:
    ended = changed.call("drift", "--accept")

    assert ended.code == 2
    assert "to go on without the question, add --yes" in ended.stderr
    assert changed.call("drift").code == 1


def test_who_is_kept_out_is_named_and_the_others_are_accepted(changed: Fleet) -> None:
    changed.write("gone host=/nowhere dbname=x")
    with psycopg.connect(changed.urls["shop_01"]) as holder:
        holder.execute("select pg_advisory_lock(%s)", [run_lock.lock_key("public.migrations")])
        ended = changed.call("drift", "--accept", "--yes", "--lock-wait", "0s", "--format", "json")

    answer = json.loads(ended.stdout.splitlines()[-1])
    assert answer["accepted"] == ["shop_02"]
    assert list(answer["not_accepted"]) == ["shop_01"]
    assert ended.code == 5


def test_a_schema_is_accepted_alone(fleet_of: Make) -> None:
    shops = fleet_of(1)
    shops.sql.add_tables("a")
    for name in ("tenant_1", "tenant_2"):
        shops.execute("shop_01", f"create schema {name}")
        shops.write(*[f"t{n} {shops.urls['shop_01']} schema=tenant_{n}" for n in (1, 2)])
    tenants = ["--skip", "shop_01"]
    shops.call("up", *tenants)
    for name in ("tenant_1", "tenant_2"):
        shops.execute("shop_01", f"create table {name}.by_hand ()")

    ended = shops.call("drift", "--only", "t1", "--accept", "--yes")

    assert ended.code == 0
    assert shops.call("drift", "--only", "t1").code == 0
    assert shops.call("drift", "--only", "t2").code == 1


def test_without_a_history_there_is_nothing_to_accept(fleet_of: Make) -> None:
    """It is not offered, and said if it is asked for."""
    shops = fleet_of(1)

    assert "--accept" not in shops.call("drift").stdout
    ended = shops.call("drift", "--accept", "--yes")
    assert ended.stdout.splitlines()[-1] == "no snapshot was taken"
    assert ended.code == 1
