"""The account of the operating system that the embedded PostgreSQL runs as, and the folders that it may enter.

PostgreSQL refuses to run as root. If we are root, it runs as the account `nobody`, which every machine has.
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


def server_account() -> pwd.struct_passwd | None:
    """Return the account that the server runs as if we are root; None if we are not, and it runs as we do."""
    if os.geteuid() != 0:
        return None
    try:
        return pwd.getpwnam("nobody")
    except KeyError as error:
        raise ServerError(
            "PostgreSQL does not run as root, and this machine has no account `nobody` to run it as"
        ) from error


def process_options() -> dict[str, Any]:
    """Return the options for starting PostgreSQL's programs: the account, an own environment and folder."""
    common = {"env": {"PATH": os.defpath, "LC_ALL": "C", "TZ": "UTC"}, "cwd": "/", "stdin": subprocess.DEVNULL}
    if (chosen := server_account()) is None:
        return common
    return {**common, "user": chosen.pw_uid, "group": chosen.pw_gid, "extra_groups": []}


def make_private_folder(prefix: str, parent: Path) -> Path:
    """Make a folder with a new name that only the server's account may enter."""
    folder = Path(tempfile.mkdtemp(prefix=prefix, dir=parent))
    hand_over(folder)
    return folder


def hand_over(path: Path) -> None:
    """Make the account that the server runs as the owner of a path."""
    if (chosen := server_account()) is not None:
        os.chown(path, chosen.pw_uid, chosen.pw_gid)


def make_shared_folder() -> Path:
    """Make a folder with a new name in /var/lib/sqlmigrate: every account may enter that, none but ours may list it."""
    PRIVATE.mkdir(exist_ok=True)
    PRIVATE.chmod(0o711)
    return Path(tempfile.mkdtemp(dir=PRIVATE))


def is_passable(path: Path) -> bool:
    """Tell whether every account may enter all folders above a path."""
    return all(parent.stat().st_mode & 0o001 for parent in path.parents)


def prepare_home(directory: Path) -> Path:
    """Make the folder, ignored by git, and return where its server keeps its files.

    That is the folder itself, or a folder in /var/lib/sqlmigrate if the server's account may not enter it.
    """
    if not directory.exists():
        directory.mkdir(parents=True, mode=0o700, exist_ok=True)
    if directory.stat().st_uid != os.geteuid():
        raise PermissionError(errno.EPERM, "it belongs to another user", str(directory))
    if not (directory / ".gitignore").exists():
        (directory / ".gitignore").write_text("*\n")
    if server_account() is None:
        return directory
    home = directory if is_passable(directory) else _elsewhere(directory)
    home.chmod(home.stat().st_mode | 0o001)
    return home


def _elsewhere(directory: Path) -> Path:
    """Return the folder in /var/lib/sqlmigrate that belongs to a project's folder; a link there leads to it."""
    link = directory / "elsewhere"
    if not link.exists():
        link.unlink(missing_ok=True)
        place = make_shared_folder()
        (place / "folder").write_text(f"{directory}\n")
        link.symlink_to(place)
    return link.resolve()
