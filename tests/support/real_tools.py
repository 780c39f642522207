"""Other migration tools, got from npm and PyPI into a cache folder once, or found where Debian has put them."""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import children

_LIMIT = 280  # seconds for an installation


class MissingToolError(Exception):
    """A tool cannot be had; the message says why."""


def npm(program: str, *packages: str) -> Path:
    """Return a program of npm packages, installed where it is missing."""
    home = _cache() / "npm" / program
    found = home / "node_modules" / ".bin" / program
    command = ["npm", "install", "--prefix", str(home), "--no-audit", "--no-fund", "--silent", *packages]
    return _installed(found, home, [command])


def pip(program: str, *packages: str) -> Path:
    """Return a program of PyPI packages, in a virtual environment of its own, installed where it is missing."""
    home = _cache() / "pip" / program
    found = home / "bin" / program
    python = str(home / "bin" / "python")
    install = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *packages]
    return _installed(found, home, [[sys.executable, "-m", "venv", str(home)], install])


def debian(program: str) -> Path:
    """Return a program that Debian brings."""
    found = shutil.which(program)
    if found is None:
        raise MissingToolError(f"{program} is not installed: apt-get install {program}")
    return Path(found)


def _cache() -> Path:
    base = Path("/var/cache") if os.geteuid() == 0 else Path(os.environ.get("XDG_CACHE_HOME") or "/tmp")
    return base / "sqlmigrate-tests" / "tools"


def _installed(program: Path, home: Path, commands: Sequence[Sequence[str]]) -> Path:
    """Execute the commands unless the program is there; one process installs, others wait for it."""
    home.mkdir(parents=True, exist_ok=True)
    with (home.parent / f"{home.name}.lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        for command in () if program.exists() else commands:
            _execute(command)
    if not program.exists():
        raise MissingToolError(f"{program} is not there after the installation")
    return program


def _execute(command: Sequence[str]) -> None:
    if shutil.which(command[0]) is None:
        raise MissingToolError(f"there is no {command[0]}")
    try:
        ended = children.run(command, capture_output=True, encoding="utf-8", timeout=_LIMIT)
    except subprocess.TimeoutExpired:
        raise MissingToolError(f"{command[0]} did not end in {_LIMIT} seconds") from None
    if ended.returncode:
        said = " ".join((ended.stderr or ended.stdout).split())[-200:]
        raise MissingToolError(f"{' '.join(command[:3])} failed: {said}")
