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
from narrow_terminal import on_terminal
from terminal import stable

from sqlmigrate.fleet import screens
from sqlmigrate.fleet.results import Look, Looked, Summary
from sqlmigrate.fleet.target import Target
from sqlmigrate.fleet.typed import next_line

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


def _found(*versions: tuple[str, ...], is_up: bool = True) -> str:
    """Return what is said of a look that has found these ranges of migrations, one for each target."""
    summary = Summary([Target(f"shop_{number}", "dbname=x") for number in range(len(versions))])
    for target, each in zip(summary.targets, versions, strict=True):
        summary.keep(target, Looked(Look(each, versions=each)))
    return screens.looked(summary, is_up=is_up)


def test_what_the_look_has_found_is_counted_in_whole_words() -> None:
    """A fourth range is named if it is the last; more of them are only counted."""
    common = [("001", "002")] * 2 + [("003", "003")] * 2 + [("004", "004")] * 2

    assert _found(*common, ("001", "008")).endswith(", 2 need 004, 1 needs 001 to 008")
    assert _found(*common, ("001", "008"), ("005", "005")).endswith(", 2 need 004, 2 need other migrations")
    assert _found((), ("001", "001"), is_up=False) == "2 targets: 1 undoes 001, 1 has nothing to undo"
    assert _found((), (), is_up=False) == "2 targets: 2 have nothing to undo"


def test_a_line_of_a_target_with_a_long_name_is_folded(fleet_of: Callable[[int], Fleet]) -> None:
    shops = fleet_of(1)
    shops.sql.add_tables("a")
    name = "customer_of_the_first_region_" * 3
    (shops.folder / "targets.txt").write_text(f"{name} {shops.urls['shop_01']}\n", encoding="utf-8")

    screen = on_terminal(
        shops.folder, shops.urls["shop_01"], "fleet", "up", "--targets", "targets.txt", "--verbose"
    ).splitlines()

    (at,) = [number for number, line in enumerate(screen) if line.endswith(f"✅ {name}")]
    assert screen[at + 1].startswith("     1 migration  ")


def test_the_next_command_says_that_it_reads_stdin() -> None:
    """Typed as it stands it would wait at the terminal."""
    shown = ["".join(part for _, part in next_line(f"sqlmigrate fleet up --targets {file}")) for file in ("-", "-x")]

    assert shown == [
        "next: with the same targets on stdin: sqlmigrate fleet up --targets -",
        "next: sqlmigrate fleet up --targets -x",
    ]


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
