"""The program as a user calls it: in a process, with its output on both streams and its exit code."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import children

_TIME = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(\.\d{6}\+00)?")
_DURATION = re.compile(r" *[0-9][0-9,]* ms\b")


@dataclass(frozen=True)
class Ended:
    """How a call of the program ended."""

    stdout: str
    stderr: str
    code: int

    @property
    def screen(self) -> str:
        """Both streams, stdout first, with times and durations made equal: `TIME`, `N ms`."""
        return stable(self.stdout + self.stderr)


def stable(screen: str) -> str:
    """Give a screen without what differs from run to run."""
    return _DURATION.sub(" N ms", _TIME.sub("TIME", screen))


@dataclass(frozen=True)
class Terminal:
    """A folder and an environment to call the program in."""

    folder: Path
    environment: Mapping[str, str]

    def __call__(self, *arguments: str, stdin: str = "", **environment: str) -> Ended:
        """Call ``sqlmigrate ARGUMENTS``; the environment may be added to."""
        ended = children.run(
            [sys.executable, "-m", "sqlmigrate", *arguments],
            cwd=self.folder, env={**os.environ, "TZ": "UTC", **self.environment, **environment},
            input=stdin, capture_output=True, encoding="utf-8",
        )  # fmt: skip
        return Ended(ended.stdout, ended.stderr, ended.returncode)

    def write(self, **files: str) -> None:
        """Write files into ``sql/``: ``write(**{"001_users.up.sql": "create table users ();"})``."""
        folder = self.folder / "sql"
        folder.mkdir(exist_ok=True)
        for name, text in files.items():
            (folder / name).write_text(text, encoding="utf-8", newline="")
