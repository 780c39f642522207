"""The screens of `fleet` that docs/fleet.md shows, compared with what the program writes."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import children
import documents
import pytest
from fleet_project import Fleet
from terminal import stable

HERE = Path(__file__).parent


def _prepare(shops: Fleet) -> None:
    shops.sql.add("001_add_customers", "create table customers (email text);", "drop table customers;")
    shops.sql.add("002_add_orders", "create table orders (id bigint primary key);", "drop table orders;")
    shops.call("up", "--to", "2", "--skip", "shop_12")
    shops.sql.add("003_unique_emails", "alter table customers\n  add unique (email);\n")
    shops.call("up", "--only", "shop_01")
    for name in ("shop_04", "shop_07"):
        shops.execute(name, "insert into customers values ('ann@example.org'), ('ann@example.org')")
    shops.write("shop_13 host=/var/run/nowhere dbname=shop_13", tags={"shop_02": "@canary"})


def _without_chance(text: str) -> str:
    """Replace what differs from run to run: durations, the slowest, the run, the order of the first failures."""
    text = re.sub(r"^run: [0-9a-f]{12}$", "run: …", stable(text), flags=re.MULTILINE)
    lines = re.sub(r"^slowest: .*(\n +.*)*$", "slowest: …", text, flags=re.MULTILINE).splitlines()
    ended = sorted(line for line in lines if line.startswith("❌ shop_"))
    return "\n".join(ended.pop(0) if line.startswith("❌ shop_") else line for line in lines)


@pytest.mark.parametrize(
    ("screen", "arguments"),
    [("status", ["status"]), ("up", ["up", "--max-failures", "3"])],
    ids=["status", "up"],
)
def test_the_screen_is_that_of_the_document(
    screen: str, arguments: list[str], fleet_of: Callable[[int], Fleet]
) -> None:
    stored = (HERE / f"{screen}.console").read_text(encoding="utf-8")
    shops = fleet_of(12)
    _prepare(shops)

    ended = children.run(
        [sys.executable, "-m", "sqlmigrate", "fleet", arguments[0], "--targets", "targets.txt", *arguments[1:]],
        cwd=shops.folder, env={**os.environ, "COLUMNS": "80"}, encoding="utf-8",
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip

    typed, _, shown = stored.partition("\n")
    command, *options = arguments
    assert typed == " ".join(["$ sqlmigrate fleet", command, "--targets targets.txt", *options])
    assert _without_chance(ended.stdout).rstrip() == _without_chance(shown).rstrip()
    assert documents.shows(stored)
    assert max(map(len, stored.splitlines())) <= 80
