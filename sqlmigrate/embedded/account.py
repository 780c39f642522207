"""As whom a PostgreSQL of our own runs, and which folders that account gets to.

PostgreSQL refuses to run as root: for root it runs as `nobody`, the account that every machine has.
"""

from __future__ import annotations

import errno
import os
import pwd
import subprocess
import tempfile
from pathlib import Path
from typing import Any

from sqlmigrate.errors import ServerError

PRIVATE = Path("/var/lib/sqlmigrate")


def account() -> pwd.struct_passwd | None:
    """Say as whom a server of root's runs; None where we are not root, and it runs as we do."""
    if os.geteuid() != 0:
        return None
    try:
        return pwd.getpwnam("nobody")
    except KeyError as error:
        raise ServerError("PostgreSQL does not run as root, and this machine has no account `nobody`") from error


def outside() -> dict[str, Any]:
    """Say how PostgreSQL's programs are started: as whom, and with nothing of our environment and place."""
    common = {"env": {"PATH": os.defpath, "LC_ALL": "C", "TZ": "UTC"}, "cwd": "/", "stdin": subprocess.DEVNULL}
    if (chosen := account()) is None:
        return common
    return {**common, "user": chosen.pw_uid, "group": chosen.pw_gid, "extra_groups": []}


def private_folder(prefix: str, parent: Path) -> Path:
    """Make a folder with a new name, for the server's account alone."""
    folder = Path(tempfile.mkdtemp(prefix=prefix, dir=parent))
    hand_over(folder)
    return folder


def hand_over(path: Path) -> None:
    """Give a path to the account that the server runs as."""
    if (chosen := account()) is not None:
        os.chown(path, chosen.pw_uid, chosen.pw_gid)


def made_private() -> Path:
    """Make a folder with a new name below /var/lib/sqlmigrate, which nobody can pass through but not list."""
    PRIVATE.mkdir(exist_ok=True)
    PRIVATE.chmod(0o711)
    return Path(tempfile.mkdtemp(dir=PRIVATE))


def is_passable(path: Path) -> bool:
    """Whether any account may pass through all folders above a path."""
    return all(parent.stat().st_mode & 0o001 for parent in path.parents)


def home_of(directory: Path) -> Path:
    """Make the folder, kept out of git, and say where its server lives: there, or where its account gets to."""
    if not directory.exists():
        directory.mkdir(parents=True, mode=0o700, exist_ok=True)
    if directory.stat().st_uid != os.geteuid():
        raise PermissionError(errno.EPERM, "it belongs to another user", str(directory))
    if not (directory / ".gitignore").exists():
        (directory / ".gitignore").write_text("*\n")
    if account() is None:
        return directory
    home = directory if is_passable(directory) else _elsewhere(directory)
    home.chmod(home.stat().st_mode | 0o001)
    return home


def _elsewhere(directory: Path) -> Path:
    """Give the place below /var/lib that belongs to a folder; the link in the folder is what holds them together."""
    link = directory / "elsewhere"
    if not link.exists():
        link.unlink(missing_ok=True)
        place = made_private()
        (place / "folder").write_text(f"{directory}\n")
        link.symlink_to(place)
    return link.resolve()
