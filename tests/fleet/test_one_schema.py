"""`--schema`: one target of many that is a schema, with the commands for one database."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from fleet_project import Fleet
from in_process import Quick
from terminal import Ended

Make = Callable[[int], Fleet]
Call = Callable[..., Ended]


@pytest.fixture
def tenants(fleet_of: Make) -> tuple[Fleet, Quick]:
    """Two schemas of one database, one of which needs its quotes; 001 and 002 create a table each."""
    shops = fleet_of(1)
    shops.sql.add_tables("a", "b")
    shops.execute("shop_01", 'create schema tenant_1; create schema "tenant 2"')
    return shops, Quick(shops.folder, {"DATABASE_URL": shops.urls["shop_01"]})


def states(call: Call, *arguments: str) -> dict[str, str]:
    rows = json.loads(call("status", "--format", "json", *arguments).stdout)["migrations"]
    return {row["name"]: row["state"] for row in rows}


@pytest.mark.parametrize("name", ["tenant_1", "tenant 2"])
def test_a_baseline_of_one_schema(name: str, tenants: tuple[Fleet, Quick]) -> None:
    """Tables of that name in other schemas do not count; only this schema gets a history, and the fleet goes on."""
    shops, call = tenants
    shops.execute("shop_01", "create table public.a ()")

    asked = call("baseline", "1", "--schema", name)
    assert asked.code == 2
    assert "the table that these files create is missing here: a" in asked.stderr
    shops.execute("shop_01", f'create table "{name}".a ()')
    declared = call("baseline", "1", "--schema", name)

    assert declared.code == 0
    assert declared.stderr == (
        f"not compared with what the files make, because {name} is one schema of many: "
        "only its tables were looked for\n"
    )
    assert states(call, "--schema", name) == {"a": "baseline", "b": "pending"}
    assert shops.sql.query("select schemaname from pg_tables where tablename = 'migrations'") == [(name,)]
    assert call("fleet", "up", "--schemas", "tenant*").code == 0
    assert states(call, "--schema", name) == {"a": "baseline", "b": "executed"}


def test_drift_of_one_schema_is_shown_and_accepted(tenants: tuple[Fleet, Quick]) -> None:
    """What was changed in the other schema stays as it is; the next command that is named has the flag."""
    shops, call = tenants
    call("fleet", "up", "--schemas", "tenant*")
    shops.execute("shop_01", 'create table tenant_1.own (); create table "tenant 2".own ()')

    shown = call("drift", "--schema", "tenant_1")
    assert shown.code == 1
    assert "left over  table tenant_1.own" in shown.stdout
    assert "tenant 2" not in shown.stdout
    assert shown.stdout.endswith("next: sqlmigrate drift --sql --schema tenant_1\n")

    assert call("drift", "--schema", "tenant_1", "--accept", "--yes").code == 0
    assert call("drift", "--schema", "tenant_1").code == 0
    found = json.loads(call("fleet", "drift", "--schemas", "tenant*", "--format", "json").stdout)["summary"]["changed"]
    assert found == {"tenant 2": ['left over table "tenant 2".own']}
    refused = call("drift", "--schema", "tenant_1", "--against", "files")
    assert (refused.code, refused.stderr.splitlines()[0]) == (
        2, "error: --against files compares a whole database, not one schema",
    )  # fmt: skip


def test_repair_log_down_and_up_of_one_schema(tenants: tuple[Fleet, Quick]) -> None:
    """Each command changes that schema and its history alone."""
    shops, call = tenants
    call("fleet", "up", "--schemas", "tenant*")
    here = ("--schema", "tenant_1")
    shops.sql.add("002_b", "create table b (id int); -- edited", "drop table b;")

    verified = call("verify", *here)
    assert "sqlmigrate repair 002 --schema tenant_1" in verified.stderr
    assert "sqlmigrate log 002 --sql up --schema tenant_1 > sql/002_b.up.sql" in verified.stderr
    assert call("log", "2", "--sql", "up", *here).stdout == "create table b (id int);"
    assert call("repair", "2", "--yes", *here).code == 0
    assert states(call, *here) == {"a": "executed", "b": "executed"}
    assert states(call, "--schema", "tenant 2") == {"a": "executed", "b": "changed"}
    assert "repair" in call("log", *here).stdout
    assert "repair" not in call("log", "--schema", "tenant 2").stdout

    assert call("down", "--yes", *here).code == 0
    tables = "select schemaname from pg_tables where tablename = 'b' order by 1"
    assert shops.sql.query(tables) == [("tenant 2",)]
    assert call("up", *here).code == 0
    assert shops.sql.query(tables) == [("tenant 2",), ("tenant_1",)]


def test_a_schema_that_is_missing(tenants: tuple[Fleet, Quick]) -> None:
    """Nothing is written elsewhere."""
    shops, call = tenants

    for command in (["up"], ["baseline", "1", "--yes"], ["status"]):
        ended = call(*command, "--schema", "tenant_3")
        assert ended.code == 2
        assert "tenant_3" in ended.stderr
    assert call("status", "--schema", " ").code == 2
    assert shops.sql.query("select from pg_tables where tablename = 'migrations'") == []
