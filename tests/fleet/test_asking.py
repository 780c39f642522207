"""The questions of a fleet: when they are asked, and which answers count."""

from __future__ import annotations

import os
import pty
import sys
from collections.abc import Callable

import children
import psycopg
import pytest
from fleet_project import Fleet
from narrow_terminal import on_terminal
from waiting import until

Make = Callable[[int], Fleet]
GO_ON = "The canaries are done. Go on?"
EXECUTE = "Execute these migrations?"


def _done(shops: Fleet) -> int:
    return sum(bool(rows) for rows in shops.recorded().values())


def _asked(shops: Fleet, question: str, typed: str, *options: str, action: str = "up") -> str:
    call = ["fleet", action, "--targets", "targets.txt", *options]
    return on_terminal(shops.folder, shops.urls["shop_01"], *call, answer=(question, typed))


@pytest.mark.parametrize(("typed", "executed"), [("y\n", 3), ("n\n", 0)])
def test_without_canaries_ask_asks_before_all(typed: str, executed: int, fleet_of: Make) -> None:
    shops = fleet_of(3)
    shops.sql.add_tables("a")

    screen = _asked(shops, EXECUTE, typed, "--ask")

    assert f"{EXECUTE} (3 targets) [y/N]: " in screen
    assert ("stopped: the answer was no" in screen) == (executed == 0)
    assert _done(shops) == executed


def test_after_a_no_the_same_call_asks_again(fleet_of: Make) -> None:
    """Then the canary is up to date, and the others are not begun without a yes all the same."""
    shops = fleet_of(3)
    shops.sql.add_tables("a")
    shops.write(tags={"shop_01": "@canary"})
    assert GO_ON in _asked(shops, GO_ON, "n\n", "--ask")

    screen = _asked(shops, EXECUTE, "n\n", "--ask")

    assert f"{EXECUTE} (2 targets) [y/N]: " in screen
    assert _done(shops) == 1


def test_if_only_canaries_are_pending_nothing_is_asked(fleet_of: Make) -> None:
    shops = fleet_of(1)
    shops.sql.add_tables("a")
    shops.write(tags={"shop_01": "@canary"})

    screen = _asked(shops, "[y/N]", "n\n", "--ask")

    assert "[y/N]" not in screen
    assert _done(shops) == 1


@pytest.mark.parametrize(("options", "questions"), [
    (["--ask"], 1), (["--ask", "--yes"], 1), (["--yes"], 0), (["--ask", "--canary", "1"], 1),
])  # fmt: skip
def test_down_asks_once_before_the_first_target(options: list[str], questions: int, fleet_of: Make) -> None:
    """`--yes` answers the question of `down`; what `--ask` asks is asked all the same."""
    shops = fleet_of(2)
    shops.sql.add_tables("a")
    shops.call("up")

    screen = _asked(shops, "[y/N]", "n\n", *options, action="down")

    assert screen.count("[y/N]") == questions
    assert _done(shops) == (2 if questions else 0)


def test_what_was_typed_before_a_question_is_no_answer(fleet_of: Make) -> None:
    """A `y` that was typed while the targets are looked at; then the question gets its own answer."""
    shops = fleet_of(1)
    shops.sql.add_tables("a")
    shops.call("up")
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "sqlmigrate", "fleet", "down", "--targets", "targets.txt"]
    with psycopg.connect(shops.urls["shop_01"]) as holder:
        holder.execute("lock table migrations")  # the look waits
        running = children.start(command, cwd=shops.folder, stdin=theirs, stdout=theirs, stderr=theirs)
        os.close(theirs)
        waiting = (
            "select count(*) from pg_stat_activity where wait_event_type = 'Lock' and datname = current_database()"
        )
        until(lambda: shops.sql.value(waiting) == 1)
        os.write(ours, b"y\n")
        screen = b""
        while b"y" not in screen:  # the terminal has it: it shows what is typed
            screen += os.read(ours, 65536)
    while b"[y/N]" not in screen:
        screen += os.read(ours, 65536)
    os.write(ours, b"n\n")
    running.wait()
    os.close(ours)

    assert _done(shops) == 1
