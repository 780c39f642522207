"""Targets that are schemas of one database: what is in the others is none of their business, and costs nothing."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import psycopg
import pytest
from fleet_project import Fleet
from in_process import Quick
from proxies import TurnCounter

from sqlmigrate.files.folder import load
from sqlmigrate.operations import up_down

Make = Callable[[int], Fleet]


def test_only_what_is_in_the_schema_itself_keeps_it_from_its_first_migration(fleet_of: Make) -> None:
    """Tables and the history of another tool, there; not those of other schemas, nor of the whole database."""
    shops = fleet_of(1)
    shops.sql.add_tables("a")
    shops.execute("shop_01", "create schema tenant_1; create schema tenant_2; create schema tenant_3")
    dbmate = "schema_migrations (version varchar(128) primary key)"
    shops.execute("shop_01", f"create table public.{dbmate}; insert into public.schema_migrations values ('001')")
    shops.execute("shop_01", f"create table tenant_2.{dbmate}; insert into tenant_2.schema_migrations values ('001')")
    shops.execute("shop_01", "create table tenant_3.orders ()")
    call = Quick(shops.folder, {"DATABASE_URL": shops.urls["shop_01"]})

    ended = call("fleet", "up", "--schemas", "tenant_*")

    assert ended.stdout.splitlines()[0] == "3 targets: 1 needs 001, 2 left out"
    assert "tenant_2.schema_migrations" in ended.stderr
    assert "tenant_3" in ended.stderr
    assert shops.sql.query("select schemaname from pg_tables where tablename = 'a'") == [("tenant_1",)]


@pytest.mark.slow
def test_of_eighty_targets_five_percent_fail_in_four_ways(fleet_of: Make) -> None:
    """A file that fails on its data, a changed file, a locked table, a host that is gone; all others are done."""
    shops = fleet_of(1)
    url, names = shops.urls["shop_01"], [f"tenant_{number:02}" for number in range(79)]
    for name in names:
        shops.execute("shop_01", f"create schema {name}")
    lines = [*(f"{name} schema={name}" for name in names), "gone host=/nowhere dbname=x"]
    (shops.folder / "targets.txt").write_text("\n".join(lines), encoding="utf-8")
    shops.sql.add_tables("a", "b")
    shops.call("up", DATABASE_URL=url)
    shops.sql.add("003_unique", "alter table a add unique (id);").add("004_d", "create table d ();")
    shops.execute("shop_01", "insert into tenant_11.a values (1), (1)")
    shops.execute("shop_01", "update tenant_22.migrations set checksum = 'other' where version = '002'")
    limits = ["--lock-timeout", "50ms", "--lock-retries", "1"]

    with psycopg.connect(url) as holder:
        holder.execute("lock table tenant_33.a in access exclusive mode")
        ended = shops.call("up", "--max-failures", "5%", *limits, "--format", "json", DATABASE_URL=url)

    summary = json.loads(ended.stdout.splitlines()[-1])["summary"]
    assert summary["states"] == {"done": 76, "failed": 1, "left_out": 1, "locked": 1, "unreachable": 1}
    assert (sorted(summary["failed"]), summary["left"]) == (["gone", "tenant_11", "tenant_33"], ["tenant_22"])
    planted = {"tenant_11": ("failed", None), "tenant_22": (None, None), "tenant_33": ("failed", None)}
    query = "select version, status from {}.migrations where version > '002'"
    found = {name: dict(shops.sql.query(query.format(name))) for name in names}
    expected = dict.fromkeys(names, ("executed", "executed")) | planted
    assert {name: (rows.get("003"), rows.get("004")) for name, rows in found.items()} == expected


def _turns(shops: Fleet, **options: Any) -> list[int]:
    """Count the round trips of a look, while no other schema has a history, then one, then two; `{}` is its number."""
    shops.sql.add_tables("a")
    shops.execute("shop_01", "create schema elsewhere create table t ()")  # a database without tables is not looked at
    call = Quick(shops.folder, {"DATABASE_URL": shops.urls["shop_01"]})
    turns = []
    with TurnCounter(shops.urls["shop_01"]) as proxy:
        for number in (1, 2, 3):
            shops.execute("shop_01", f"create schema tenant_{number}")
            proxy.reset()
            named = {name: value.format(number) for name, value in options.items()}
            up_down.look(proxy.url, load(shops.folder / "sql"), **named)
            turns.append(proxy.turns)
            assert call("fleet", "up", "--schemas", f"tenant_{number}").code == 0
    return turns


def test_a_look_takes_as_long_with_one_other_schema_as_with_many(fleet_of: Make) -> None:
    """No round trip for each of their histories."""
    assert len(set(_turns(fleet_of(1), schema="tenant_{}"))) == 1


def test_the_histories_of_other_schemas_are_not_read_without_a_schema_either(fleet_of: Make) -> None:
    """For the database as a whole: a look at it takes as many round trips, however many schemas have a history."""
    assert len(set(_turns(fleet_of(1), table="public.migrations"))) == 1
