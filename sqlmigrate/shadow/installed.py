"""The PostgreSQL servers installed on this machine: where their programs are, the newest first.

A distribution puts the programs of a server into a folder of their own, a major version each, which `PATH` seldom
names: https://www.postgresql.org/docs/current/installation.html
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from sqlmigrate.embedded.programs import may_run, output
from sqlmigrate.errors import ConfigError

# Debian, Red Hat and SUSE, Homebrew on either processor, Postgres.app
FOLDERS = (
    "/usr/lib/postgresql/*/bin",
    "/usr/pgsql-*/bin",
    "/usr/lib/postgresql*/bin",
    "/opt/homebrew/opt/postgresql@*/bin",
    "/usr/local/opt/postgresql@*/bin",
    "/Applications/Postgres.app/Contents/Versions/*/bin",
)
_MAJOR = re.compile(r"(?:postgresql|pgsql|Versions)[-@/]?(\d+)/")
_TOLD = re.compile(r"\(PostgreSQL\) (\d+)")


class NoServerError(ConfigError):
    """There is no PostgreSQL on this machine to try anything on."""


@dataclass(frozen=True)
class Installed:
    """One installation: its major version and the folder of its programs."""

    major: int
    programs: Path


def find(folders: Iterable[str] = FOLDERS) -> tuple[Installed, ...]:
    """Give every installation that has what a server needs, the newest first."""
    found = {}
    for folder in _candidates(folders):
        if folder not in found and all(may_run(folder / name) for name in ("initdb", "postgres")):
            found[folder] = Installed(_major(folder), folder)
    return tuple(sorted(found.values(), key=lambda one: -one.major))


def _candidates(folders: Iterable[str]) -> Iterator[Path]:
    """Give the folders that may hold programs, links followed."""
    if postgres := shutil.which("postgres"):
        yield Path(postgres).resolve().parent
    if (config := shutil.which("pg_config")) and (told := output(Path(config), "--bindir")):
        yield Path(told).resolve()
    for pattern in folders:
        yield from (folder.resolve() for folder in Path("/").glob(pattern.lstrip(os.sep)))


def _major(folder: Path) -> int:
    """Say of which major version a folder's programs are: the path names it nearly always."""
    if named := _MAJOR.search(f"{folder}/"):
        return int(named[1])
    told = _TOLD.search(output(folder / "postgres", "--version"))
    return int(told[1]) if told else 0
