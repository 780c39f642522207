"""A file that was edited after some targets have executed it is not executed on the others by the way."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from fleet_project import Fleet

Make = Callable[[int], Fleet]
BEFORE = [("001", "executed")]


@pytest.fixture
def edited(fleet_of: Make) -> Fleet:
    """Four databases; two of them have executed 002 with another text than it has now."""
    shops = fleet_of(4)
    shops.sql.add_tables("a")
    shops.run()
    shops.sql.add("002_b", "create table b (id int);")
    shops.call("up", "--only", "shop_01,shop_02")
    shops.sql.add("002_b", "create table b (id int, name text);").add_tables("a").add("003_c", "create table c ();")
    return shops


def test_an_edited_file_is_executed_on_no_other_target(edited: Fleet) -> None:
    """As much as `--max-failures` allows: those that need it are left out, each with the reason and the way past."""
    ended = edited.call("up", "--max-failures", "100%")

    assert ended.stdout.splitlines()[0] == "4 targets: 4 left out"
    assert "sql/002_b.up.sql was executed on 2 other targets with another text" in " ".join(ended.stderr.split())
    assert "2 targets: shop_03, shop_04" in ended.stderr
    assert "--skip shop_01,shop_02" in " ".join(ended.stderr.split())
    assert ended.code == 1
    assert edited.recorded()["shop_03"] == edited.recorded()["shop_04"] == BEFORE


def test_the_way_past_executes_it(edited: Fleet) -> None:
    ended = edited.call("up", "--skip", "shop_01,shop_02")

    assert ended.code == 0
    assert edited["shop_03"].states() == dict.fromkeys(("001_a", "002_b", "003_c"), "executed")


def test_a_file_of_which_one_target_has_the_text_of_today_is_executed(edited: Fleet) -> None:
    """Also if that target is left out for another reason: then the others have differed all along."""
    edited.call("up", "--only", "shop_03")
    edited.execute("shop_03", "update migrations set checksum = 'other' where version = '001'")

    ended = edited.call("up")

    assert ended.stdout.splitlines()[0] == "4 targets: 1 needs 002 to 003, 3 left out"
    assert edited["shop_04"].states() == dict.fromkeys(("001_a", "002_b", "003_c"), "executed")


def test_what_does_not_need_the_file_is_executed(edited: Fleet) -> None:
    """`--to` ends before it."""
    edited.execute("shop_03", "drop schema public cascade; create schema public")

    ended = edited.call("up", "--to", "1")

    assert "3 left out" not in ended.stdout
    assert "was executed on 2" not in ended.stderr
    assert edited.recorded()["shop_03"] == BEFORE


def test_of_a_renamed_file_nothing_was_edited(fleet_of: Make) -> None:
    shops = fleet_of(2)
    shops.sql.add_tables("a")
    shops.call("up", "--only", "shop_01")
    shops.execute("shop_01", "update migrations set name = 'older'")

    ended = shops.call("up")

    assert "1 done" in ended.stdout
    assert shops["shop_02"].states() == {"001_a": "executed"}


def test_with_strict_nothing_is_executed_for_an_edited_file(edited: Fleet) -> None:
    edited.call("up", "--only", "shop_01,shop_02")
    events = [json.loads(line) for line in edited.call("up", "--strict", "--format", "json").stdout.splitlines()]

    ends = {each["target"]: each for each in events if each.get("event") == "ended"}
    assert {each["state"] for each in ends.values()} == {"left_out"}
    assert "with another text" in ends["shop_04"]["error"]["message"]
