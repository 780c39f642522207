"""Creates a new pair of files from a template."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

from sqlmigrate.errors import ConfigError

from .folder import load
from .migration import Migration, version_number
from .naming import STAMP, next_number, slug

TEMPLATE_MARKS = ("-- Executed in one transaction, together with its row", "-- Undo the statements of the up file")
_UP_TEMPLATE = """\
-- {title}
--
-- Executed in one transaction, together with its row in the history: no BEGIN and COMMIT needed.
-- On a table in use: create index concurrently in a file of its own; add constraints not valid and
-- validate them in a later file; `-- sqlmigrate: lock-timeout 5s` here bounds how long others wait.

"""
_DOWN_TEMPLATE = """\
-- Takes back: {title}
--
-- Undo the statements of the up file in the reverse order. Where there is no way back, remove this file and write
-- `-- sqlmigrate: irreversible (why)` at the head of the up file.

"""


def create(directory: str | Path, title: str, *, now: datetime, timestamp: bool = False) -> tuple[Path, Path]:
    """Make a new pair of files, numbered after the newest migration, or stamped where the folder does so.

    `now` is the time of the stamp (UTC), `timestamp` asks for one in any case. Nothing that exists is overwritten, and
    of the pair either both files are made or neither. Raises `ConfigError`: a title without a letter or digit, a name
    that a migration has already, a folder that may not be written; and what `load` raises.
    """
    name = slug(title)
    if not name:
        raise ConfigError(f"`{title}` has no letter or digit to name a file by", hint='"add user settings table"')
    folder = Path(directory)
    migrations = load(folder) if folder.exists() else ()
    for migration in migrations:
        if migration.name == name:
            raise ConfigError(f"{migration.up.path} has this name already", hint="say what this one does otherwise")
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
    """Give a title as it can stand in a comment: what is behind a line end would be SQL."""
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
    stamp = STAMP.fullmatch(newest)
    if not (timestamp or stamp):
        return next_number([migration.version for migration in migrations])
    underscore = stamp[1] if stamp else "_"
    version = now.strftime(f"%Y%m%d{underscore}%H%M%S")
    if newest and version_number(version) <= version_number(newest):
        raise ConfigError(
            f"the time stamp {version} is not newer than the newest migration, {migrations[-1].label}",
            hint="is this machine's clock right? A second later the stamp is another" if stamp else None,
        )
    return version


def version_after(newest: str, now: datetime) -> str:
    """Give the version behind the newest in its style: the next number as wide, or a stamp of `now` or just behind."""
    if not (stamp := STAMP.fullmatch(newest)):
        return next_number([newest])
    style = f"%Y%m%d{stamp[1]}%H%M%S"
    with suppress(ValueError):  # a stamp that is no time
        now = max(now, datetime.strptime(newest, style).replace(tzinfo=UTC) + timedelta(seconds=1))
    return now.strftime(style)
