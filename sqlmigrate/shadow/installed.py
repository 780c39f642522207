"""The PostgreSQL servers that are installed on this machine: where their programs are.

Distributions put the programs of each major version into a folder of its own, which is usually not in `PATH`:
https://www.postgresql.org/docs/current/installation.html
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
    """No PostgreSQL is installed on this machine, and the embedded one is not either."""


@dataclass(frozen=True)
class Installed:
    """One installation.

    Attributes:
        major: its major version
        programs: the folder of its programs
    """

    major: int
    programs: Path


def find(folders: Iterable[str] = FOLDERS) -> tuple[Installed, ...]:
    """Return every installation that has the programs of a server, the newest first."""
    found = {}
    for folder in _candidates(folders):
        if folder not in found and all(may_run(folder / name) for name in ("initdb", "postgres")):
            found[folder] = Installed(_major(folder), folder)
    return tuple(sorted(found.values(), key=lambda one: -one.major))


def _candidates(folders: Iterable[str]) -> Iterator[Path]:
    """Return the folders that may hold programs, with links resolved."""
    if postgres := shutil.which("postgres"):
        yield Path(postgres).resolve().parent
    if (config := shutil.which("pg_config")) and (told := output(Path(config), "--bindir")):
        yield Path(told).resolve()
    for pattern in folders:
        yield from (folder.resolve() for folder in Path("/").glob(pattern.lstrip(os.sep)))


def _major(folder: Path) -> int:
    """Return the major version of the programs in a folder; usually the path names it."""
    if named := _MAJOR.search(f"{folder}/"):
        return int(named[1])
    told = _TOLD.search(output(folder / "postgres", "--version"))
    return int(told[1]) if told else 0
