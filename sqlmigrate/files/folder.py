"""Reads the folder of migrations and reports all of its faults at once.

Faults are file names that are not names of migrations, two migrations of one version, up and down files that do not
belong together, and texts that PostgreSQL could not take. The package `parsing` checks what is *in* the files.
"""

from __future__ import annotations

import errno
import os
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from sqlmigrate.errors import ConfigError, Kind, MigrationError, gather
from sqlmigrate.source import Source

from .file_text import try_read
from .migration import Migration, version_number
from .naming import FILE_NAME, wrong_names
from .nearby import way_to_migrations, where_it_was_looked_for


class _File(NamedTuple):
    path: str
    version: str
    name: str
    source: Source | None = None


def load(directory: str | Path) -> tuple[Migration, ...]:
    """Read the migrations of a folder, in the order of their versions. The SQL in them is not looked at.

    Raises `ConfigError` if the folder does not exist or cannot be read. Raises `MigrationError` if the folder has
    faults: the first one, with the further ones in its `others`.
    """
    migrations, errors = survey(directory)
    if errors:
        raise gather(errors)
    return migrations


def survey(directory: str | Path) -> tuple[tuple[Migration, ...], tuple[MigrationError, ...]]:
    """Read the migrations of a folder like `load`, but return its faults together with all that could be read."""
    prefix = os.path.join(directory, "")  # noqa: PTH118 - a Path for each of 20,000 files costs half a second
    return pair(prefix, _sql_files(str(directory)), try_read)


def pair(
    prefix: str, names: Sequence[str], read: Callable[[str], Source | MigrationError]
) -> tuple[tuple[Migration, ...], tuple[MigrationError, ...]]:
    """Make migrations of the `.sql` files of a folder, and return the faults of the folder with them.

    The folder need not be on disk: `prefix` and a name of `names` make a path, and `read` returns the text of a path.
    """
    ups: list[_File] = []
    downs: list[_File] = []
    errors: list[MigrationError] = []
    wrong: list[str] = []
    for name in names:
        match = FILE_NAME.fullmatch(name)
        path = prefix + name
        if not match:
            wrong.append(name)
            continue
        source = read(path)
        if isinstance(source, MigrationError):
            errors.append(source)
        file = _File(path, match["version"], match["name"], source if isinstance(source, Source) else None)
        (ups if match["direction"] == "up" else downs).append(file)
    if wrong:
        errors += wrong_names(prefix, wrong, names)
    pairs = list(_pairs(ups, downs, errors))
    return tuple(sorted(pairs, key=lambda migration: migration.number)), tuple(errors)


def _sql_files(directory: str) -> list[str]:
    try:
        with os.scandir(directory) as entries:
            return sorted(
                entry.name
                for entry in entries
                if entry.name[-4:].lower() == ".sql" and entry.name[0] != "." and not _is_other_folder(entry)
            )
    except FileNotFoundError:
        hint, commands = way_to_migrations(directory) or (
            "choose another folder with --directory, or create it together with the first migration",
            ['sqlmigrate create "my first table"'],
        )
        raise ConfigError(
            f"the folder `{directory}` does not exist",
            detail=where_it_was_looked_for(directory),
            hint=hint,
            next_steps=commands,
        ) from None
    except NotADirectoryError:
        raise ConfigError(
            f"`{directory}` is a file, not a folder",
            detail=where_it_was_looked_for(directory),
            hint="choose a folder with --directory",
        ) from None
    except OSError as error:
        hint = f"give the user who runs sqlmigrate the right to read it: chmod u+rx {directory}"
        raise ConfigError(
            f"the folder `{directory}` cannot be read: {error.strerror}",
            hint=hint if error.errno == errno.EACCES else None,
        ) from None


def _is_other_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir() and not FILE_NAME.fullmatch(entry.name)
    except OSError:  # a broken link: reading it reports that
        return False


def _pairs(ups: Sequence[_File], downs: Sequence[_File], errors: list[MigrationError]) -> Iterator[Migration]:
    ups_of = _by_number(ups)
    downs_of = _by_number(downs)
    errors += [_shared_version(files) for files in (*ups_of.values(), *downs_of.values()) if len(files) > 1]
    errors += [_no_up(files[0]) for number, files in downs_of.items() if number not in ups_of]
    for up in ups:
        number = version_number(up.version)
        rivals, others = ups_of[number], downs_of.get(number, [])
        down = next((other for other in others if other.name == up.name), None)
        if not down and len(rivals) == 1 == len(others):
            errors.append(_two_names(up, others[0]))
        if up.source:
            yield Migration(up.version, up.name, up.source, down.source if down else None)


def _by_number(files: Sequence[_File]) -> dict[int, list[_File]]:
    found: dict[int, list[_File]] = defaultdict(list)
    for file in files:
        found[version_number(file.version)].append(file)
    return found


def _shared_version(files: Sequence[_File]) -> MigrationError:
    paths = " and ".join(file.path for file in files)
    message = f"{len(files)} migrations have version {version_number(files[0].version)}: {paths}"
    hint = "rename both files of one of them to the next free version; in git, renumber does it"
    return MigrationError(message, kind=Kind.SHARED_VERSION, hint=hint, next_steps=["sqlmigrate renumber"])


def _no_up(down: _File) -> MigrationError:
    up = down.path.removesuffix(".down.sql") + ".up.sql"
    return MigrationError(
        f"{down.path} has no up file",
        hint=f"add {up}, or delete the down file: without an up file it is never executed",
    )


def _two_names(up: _File, down: _File) -> MigrationError:
    message = f"version {up.version} has two names: {up.path} and {down.path}"
    return MigrationError(message, hint="give the up and the down file the same name")
