"""A run that is disturbed, in this process or, where it is killed, in one of its own."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Self

import children
from cut import SIDES, Cut
from points import Point

from sqlmigrate.errors import SqlmigrateError
from sqlmigrate.executor import flight
from sqlmigrate.executor.events import Event, Failed, Finished
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


@dataclass(frozen=True)
class Told:
    """What a run that was disturbed has told.

    Attributes:
        finished: The versions of the steps that it has told to be finished.
        is_wrong: Whether it has told that something went wrong; None if it was killed.
        is_reached: Whether it was disturbed: it had not ended before.
    """

    finished: list[str]
    is_wrong: bool | None
    is_reached: bool


def _told_by(order: Order, url: str) -> tuple[list[str], bool]:
    """Run to the end, also if it fails; gives what was finished, and whether it was told that something went wrong."""
    finished, is_wrong = [], False
    try:
        with closing(order.events(url)) as events:  # type: ignore[type-var]
            for event in events:
                is_wrong |= isinstance(event, Failed)
                if isinstance(event, Finished):
                    finished.append(event.step.version)
    except SqlmigrateError:
        is_wrong = True
    return finished, is_wrong


VICTIM = Path(__file__).with_name("victim.py")
FAILED = 3  # its exit code if a step has failed


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
    assert process.returncode in (0, FAILED, -signal.SIGKILL), wrong
    return told.split(), process.returncode == -signal.SIGKILL


def disturbed(order: Order, url: str, point: Point) -> Told:
    """Disturb a run: cut its connection, or kill it."""
    if point.how in SIDES:
        cut = Cut(url, point.how, point.number)
        with cut.listening() as through:
            finished, is_wrong = _told_by(order, through)
        return Told(finished, is_wrong, cut.is_done)
    finished, is_killed = killed_at(order.watched() if point.how == "watched" else order, url, point.number)
    return Told(finished, None, is_killed)
