"""Writes a new pair of files from a template."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime
from pathlib import Path

from sqlmigrate.errors import ConfigError

from .folder import load
from .migration import Migration
from .naming import STAMP, name_of, next_number, stamp, version_number

_UP_TEMPLATE = """\
-- {title}
--
-- This file runs in one transaction, together with its row in the history: BEGIN and COMMIT are not needed.
-- If its tables are in use: create indexes CONCURRENTLY, in a file of their own. Add constraints as NOT VALID, and
-- validate them in a later file. With `-- sqlmigrate: lock-timeout 5s` here, it waits for a lock at most 5 seconds.

"""
_DOWN_TEMPLATE = """\
-- Rolls back: {title}
--
-- Undo the statements of the up file, in reverse order. If there is no way back, delete this file and write
-- `-- sqlmigrate: irreversible (why)` at the top of the up file.

"""


def create(directory: str | Path, title: str, *, now: datetime, timestamp: bool = False) -> tuple[Path, Path]:
    """Write a new pair of files, with a version after the newest migration. Existing files are not overwritten.

    The version is a number, or a time stamp if the newest migration has one or `timestamp` asks for it; `now` (UTC) is
    its time. Either both files are written or neither. Raises `ConfigError` if the title has no letter or digit, if a
    migration already has that name, and if the folder cannot be written; and what `load` raises.
    """
    name = name_of(title)
    if not name:
        hint = 'for example: sqlmigrate create "add user settings table"'
        raise ConfigError(f"the title `{title}` has no letter or digit, so a file cannot be named after it", hint=hint)
    folder = Path(directory)
    migrations = load(folder) if folder.exists() else ()
    for migration in migrations:
        if migration.name == name:
            raise ConfigError(
                f"{migration.up.path} already has this name", hint="choose a title that tells the two apart"
            )
    version = _next_version(migrations, now, timestamp=timestamp)
    up, down = (folder / f"{version}_{name}.{direction}.sql" for direction in ("up", "down"))
    try:
        folder.mkdir(parents=True, exist_ok=True)
        line = _one_line(title)
        _write_new({up: _UP_TEMPLATE.format(title=line), down: _DOWN_TEMPLATE.format(title=line)})
    except OSError as error:
        raise ConfigError(f"{error.filename} cannot be written: {error.strerror}") from None
    return up, down


def _one_line(title: str) -> str:
    """Return a title that fits in a comment: after a line end, its text would be SQL."""
    return " ".join("".join(character if character.isprintable() else " " for character in title).split())


def _write_new(texts: dict[Path, str]) -> None:
    written: list[Path] = []
    try:
        for path, text in texts.items():
            with path.open("x", encoding="utf-8", newline="\n") as file:
                written.append(path)
                file.write(text)
    except BaseException:
        for path in written:
            with suppress(OSError):
                path.unlink()
        raise


def _next_version(migrations: Sequence[Migration], now: datetime, *, timestamp: bool) -> str:
    newest = migrations[-1].version if migrations else ""
    is_stamped = STAMP.fullmatch(newest) is not None
    if not (timestamp or is_stamped):
        return next_number([migration.version for migration in migrations])
    version = stamp(now, like=newest if is_stamped else "_")
    if newest and version_number(version) <= version_number(newest):
        raise ConfigError(
            f"the time stamp {version} is not newer than the newest migration, {migrations[-1].label}",
            hint="wait a second and try again, or check the clock of this machine" if is_stamped else None,
        )
    return version
