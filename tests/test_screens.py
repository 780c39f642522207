"""Whole screens, designed by hand, as a user sees them in a terminal; README shows the same files.

A screen is a session: lines after `$` are typed, what follows is what the screen must show. What differs from run to
run (times, durations, the address of the database) is made equal on both sides before they are compared.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest
from terminal import Terminal, stable

SCREENS = Path(__file__).parent / "screens"
README = Path(__file__).parents[1] / "README.md"

CUSTOMERS = "create table customers (\n    id    bigint primary key,\n    email text\n);\n"
ORDERS = "create table orders (id bigint primary key, customer bigint references customers);\n"
INVOICES = "create table invoices (id bigint primary key);\n"


def _status(terminal: Terminal) -> None:
    own = Path(__file__).parents[1] / "sql"
    for name in ("001_create_initial_auth_tables", "002_add_user_settings", "003_add_roles"):
        for direction in ("up", "down"):
            terminal.write(**{f"{name}.{direction}.sql": (own / f"{name}.{direction}.sql").read_text(encoding="utf-8")})
    terminal("up", "--to", "2")


def _failure(terminal: Terminal) -> None:
    columns = "first_name text, last_name text, full_name text"
    terminal.write(**{"001_add_customers.up.sql": f"create table customers ({columns});"})
    terminal("up")
    terminal.write(**{
        "003_add_user_profiles.up.sql": "create table user_profiles ();",
        "004_fill_full_name.up.sql": "alter table customers alter full_name set default '';\n\n\n"
        "update customers\n   set full_name = frist_name || ' ' || last_name\n where full_name is null;\n",
    })  # fmt: skip


def _no_transaction(terminal: Terminal) -> None:
    rows = "insert into customers values ('Ann', 'ann@example.org'), ('Anna', 'ann@example.org');"
    terminal.write(**{"001_add_customers.up.sql": f"create table customers (name text, email text); {rows}"})
    terminal("up")
    terminal.write(**{
        "002_index_customers.up.sql": "-- sqlmigrate: no-transaction\n\n"
        "create index concurrently customers_name on customers (name);\n"
        "create unique index concurrently customers_email on customers (email);\n"
        "analyze customers;\n"
    })  # fmt: skip


def _changed(terminal: Terminal) -> None:
    terminal.write(**{"001_add_customers.up.sql": CUSTOMERS})
    terminal("up")
    terminal.write(**{"001_add_customers.up.sql": CUSTOMERS.replace("email text", "email text not null")})


def _out_of_order(terminal: Terminal) -> None:
    terminal.write(**{"001_add_customers.up.sql": CUSTOMERS, "003_add_invoices.up.sql": INVOICES})
    terminal("up")
    terminal.write(**{"002_add_orders.up.sql": ORDERS})


def _dry_run(terminal: Terminal) -> None:
    index = "create index concurrently customers_email on customers (email);"
    terminal.write(**{"001_add_customers.up.sql": CUSTOMERS, "002_index_customers.up.sql": index})


def _two(terminal: Terminal) -> None:
    terminal.write(**{"001_add_customers.up.sql": CUSTOMERS, "002_add_orders.up.sql": ORDERS})
    terminal.write(**{"002_add_orders.down.sql": "drop table orders;"})


def _verify(terminal: Terminal) -> None:
    _two(terminal)
    terminal("up")


def _log(terminal: Terminal) -> None:
    _verify(terminal)
    terminal("down")
    terminal.write(**{"002_add_orders.up.sql": ORDERS.replace("references customers", "references customer")})
    terminal("up")


def _refused_files(terminal: Terminal) -> None:
    terminal.write(**{
        "001_add_customers.up.sql": CUSTOMERS, "1_customers.up.sql": CUSTOMERS, "002-add_orders.sql": ORDERS,
        "003_add_invoices.down.sql": "drop table invoices;",
    })  # fmt: skip


def _blocked(terminal: Terminal) -> None:
    """Leave a session in the way, that forgets to commit for a little longer than the lock timeout."""
    _changed(terminal)
    terminal.write(
        **{"001_add_customers.up.sql": CUSTOMERS, "002_add_phone.up.sql": "alter table customers add phone text;"}
    )
    reader = psycopg.connect(terminal.environment["DATABASE_URL"], application_name="reports")
    reader.execute("select count(*) from customers")
    threading.Timer(7.5, reader.close).start()


def _nothing(_terminal: Terminal) -> None:
    pass


SETUPS: dict[str, Callable[[Terminal], None]] = {
    "status": _status,
    "five_minutes": _nothing,
    "failure": _failure,
    "no_transaction": _no_transaction,
    "changed": _changed,
    "out_of_order": _out_of_order,
    "dry_run": _dry_run,
    "verify": _verify,
    "repair": _changed,
    "baseline": _two,
    "log": _log,
    "blocked": _blocked,
    "refused_files": _refused_files,
}


def _typed(terminal: Terminal, line: str) -> str:
    """Type a line into a shell, and give what both streams wrote, in their order."""
    program = terminal.folder / "bin" / "sqlmigrate"
    if not program.exists():
        program.parent.mkdir()
        program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m sqlmigrate "$@"\n')
        program.chmod(0o755)
    environment = {**os.environ, **terminal.environment, "TZ": "UTC", "PATH": f"{program.parent}:{os.environ['PATH']}"}
    ended = subprocess.run(
        ["sh", "-c", line], cwd=terminal.folder, env=environment, check=False, encoding="utf-8", timeout=120,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip
    return ended.stdout


def _comparable(screen: str) -> str:
    screen = re.sub(r"^\S+ at .+? ·", "shop at db.internal:5432 ·", screen, flags=re.MULTILINE)
    screen = re.sub(r" from \S+$", " from runner-7", screen, flags=re.MULTILINE)
    screen = re.sub(r"process \d+ ", "process 4711 ", screen)
    screen = re.sub(r"again in [\d.]+ s", "again in 0.4 s", screen)
    screen = re.sub(r"open for \d s", "open for 5 s", screen)
    return stable(screen)


@pytest.mark.parametrize("name", SETUPS)
def test_the_screen_is_as_designed(name: str, terminal: Terminal) -> None:
    """Every line typed shows exactly what the stored screen shows."""
    SETUPS[name](terminal)
    expected = (SCREENS / f"{name}.console").read_text(encoding="utf-8")

    shown = ""
    for line in re.findall(r"^\$ (.*)$", expected, re.MULTILINE):
        output = _typed(terminal, line)
        shown += f"$ {line}\n{output}" + ("\n" if output and not output.endswith("\n\n") else "")

    assert _comparable(shown).rstrip() == _comparable(re.sub(r"\n(\$ echo .*)\n\n", r"\n\1\n", expected)).rstrip()


def test_every_stored_screen_is_tested() -> None:
    """No file lies in the folder that no test looks at."""
    assert {path.stem for path in SCREENS.glob("*.console")} == set(SETUPS)


@pytest.mark.parametrize(
    "name", ["status", "five_minutes", "failure", "no_transaction", "changed", "out_of_order", "blocked"]
)
def test_readme_shows_the_stored_screen(name: str) -> None:
    """README holds the screen, to the letter."""
    screen = (SCREENS / f"{name}.console").read_text(encoding="utf-8").rstrip()

    assert f"```console\n{screen}\n```" in README.read_text(encoding="utf-8")
