"""The program in a process of its own, observed over another session until it does what a test waits for."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import children
import database_state
from terminal import Ended


@dataclass
class Running:
    """A call of the program in a process of its own, at work."""

    process: subprocess.Popen[str]
    url: str

    def when(self, statement: str, and_: str = "true") -> int:
        """Wait until the server executes a statement that holds `statement`, and give the server process."""
        query = (
            "select pid from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()"
            f" and state = 'active' and query like '%{statement}%' and {and_}"
        )
        while not (found := database_state.ask(self.url, query)):
            assert self.process.poll() is None, "the program ended"
            time.sleep(0.02)
        until_asleep(self.process.pid)
        pid: int = found[0][0]
        return pid

    def says(self, words: str) -> str:
        """Wait until a line with these words comes on stderr, and give it."""
        assert self.process.stderr
        for line in self.process.stderr:
            if words in line:
                return line
        raise AssertionError(f"nothing was said of {words}")

    def signalled(self, number: signal.Signals) -> Ended:
        """Send a signal, and give how the program ended."""
        self.process.send_signal(number)
        return self.ended()

    def ended(self) -> Ended:
        stdout, stderr = self.process.communicate()
        return Ended(stdout, stderr, self.process.returncode)


@dataclass(frozen=True)
class Beginning:
    """Begins ``sqlmigrate ARGUMENTS`` in a folder, on its database or another one, watched there."""

    folder: Path
    url: str
    begun: list[Running] = field(default_factory=list)

    def __call__(self, *arguments: str, url: str = "", watched: str = "") -> Running:
        process = children.start(
            [sys.executable, "-m", "sqlmigrate", *arguments], cwd=self.folder,
            env={**os.environ, "TZ": "UTC", "DATABASE_URL": url or self.url}, text=True, encoding="utf-8",
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL,
        )  # fmt: skip
        self.begun.append(Running(process, watched or self.url))
        return self.begun[-1]


def until_asleep(pid: int) -> None:
    """Wait until a process has read all that there is to be read, and waits for more.

    Python also overlooks a signal that comes just before it reads.
    """
    times_asleep = 0
    while times_asleep < 10:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        times_asleep = times_asleep + 1 if state == "S" else 0  # S: asleep, R: running, or waiting for the processor
        time.sleep(0.01)


@contextmanager
def beginning(folder: Path, url: str) -> Iterator[Beginning]:
    """Give what begins calls of the program; whatever is left of them at the end is killed."""
    begin = Beginning(folder, url)
    try:
        yield begin
    finally:
        for one in begin.begun:
            one.process.kill()
            one.process.communicate()
