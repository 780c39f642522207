"""A run that is disturbed, in this process or, where it is killed, in one of its own."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Self

import children
from cut import SIDES, Cut
from points import Point

from sqlmigrate.errors import SqlmigrateError
from sqlmigrate.executor import flight
from sqlmigrate.executor.events import Event, Finished
from sqlmigrate.files.folder import load
from sqlmigrate.operations import up_down
from sqlmigrate.plan.plan import DEFAULT_DRIFT, DriftPolicy


@dataclass(frozen=True)
class Order:
    """What is run.

    Attributes:
        folder: The folder of migrations.
        direction: `up` or `down`.
        to: The migration that a `down` goes back to.
        is_watched: Whether each statement is sent by itself.
        looks: Whether the run looks at the schema, and takes a snapshot.
        window: The most steps and bytes that are on their way at once; None for those of the product.
    """

    folder: str
    direction: str = "up"
    to: str = "0"
    is_watched: bool = False
    looks: bool = True
    window: tuple[int, int] | None = None

    def watched(self) -> Self:
        return replace(self, is_watched=True)

    def events(self, url: str) -> Iterator[Event]:
        migrations, drift = load(Path(self.folder)), DEFAULT_DRIFT if self.looks else DriftPolicy("off")
        with _window(self.window):
            if self.direction == "down":
                yield from up_down.down(url, migrations, to=self.to, step_by_step=self.is_watched, drift=drift)
            else:
                yield from up_down.up(url, migrations, step_by_step=self.is_watched, drift=drift)


@contextmanager
def _window(window: tuple[int, int] | None) -> Iterator[None]:
    """Have a few small files fill the window, where the product's takes hundreds."""
    before = flight._MOST_STEPS, flight._MOST_BYTES
    flight._MOST_STEPS, flight._MOST_BYTES = window or before
    try:
        yield
    finally:
        flight._MOST_STEPS, flight._MOST_BYTES = before


def told_by(order: Order, url: str) -> list[str]:
    """Run to the end, also if it fails, and give the versions of the steps that were told to be finished."""
    told = []
    with suppress(SqlmigrateError), closing(order.events(url)) as events:  # type: ignore[type-var]
        for event in events:
            if isinstance(event, Finished):
                told.append(event.step.version)  # noqa: PERF401 - those before an error are kept
    return told


VICTIM = Path(__file__).with_name("victim.py")


def victim(order: Order, url: str, number: int | None = None) -> subprocess.Popen[str]:
    """Start a process that runs, says the version of each finished step, and kills itself at event `number`."""
    return children.start(
        [sys.executable, VICTIM, url, json.dumps(asdict(order)), str(number)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def killed_at(order: Order, url: str, number: int) -> tuple[list[str], bool]:
    """Kill a run at an event; gives what it has told, and whether it was killed."""
    with victim(order, url, number) as process:
        told, wrong = process.communicate()
    assert process.returncode in (0, -signal.SIGKILL), wrong
    return told.split(), process.returncode != 0


def disturbed(order: Order, url: str, point: Point) -> tuple[list[str], bool]:
    """Disturb a run: cut its connection, or kill it.

    Gives the versions that it has told to be finished, and whether it had not ended before.
    """
    if point.how in SIDES:
        cut = Cut(url, point.how, point.number)
        with cut.listening() as through:
            told = told_by(order, through)
        return told, cut.is_done
    return killed_at(order.watched() if point.how == "watched" else order, url, point.number)
