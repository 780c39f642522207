"""Reads the folder of migrations and reports all of its faults at once.

Faults are file names that are not names of migrations, two migrations of one version, up and down files that do not
belong together, and texts that PostgreSQL could not take. The package `parsing` checks what is *in* the files.
"""

from __future__ import annotations

import errno
import os
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from sqlmigrate.errors import ConfigError, Kind, MigrationError, gather
from sqlmigrate.source import Source

from .file_text import try_read, try_read_sql
from .inside import folders_inside, interrupted_squash
from .migration import Archive, Folder, Migration
from .naming import (
    FILE_NAME,
    foreign_stamp,
    of_other_systems,
    other_system,
    own_stamp,
    schema_among_migrations,
    version_number,
    wrong_names,
)
from .nearby import adopting, can_adopt, way_to_migrations, where_it_was_looked_for
from .replaces import ARCHIVE
from .squashed import archive_names, checked, reader
from .without_sql import without_sql


class _File(NamedTuple):
    path: str
    version: str
    name: str
    source: Source
    fault: MigrationError | None = None

    @property
    def is_read(self) -> bool:
        return self.fault is None or self.fault.span is not None


def load(directory: str | Path, *, strict: bool = True, holds_data: bool = False) -> Folder:
    """Read the migrations of a folder, in the order of their versions. The SQL in them is not checked.

    Of files of more than 1 MB, the data of large COPYs stay on disk, unless it `holds_data`: such a text cannot be
    written into another one.

    Raises `ConfigError` if the folder does not exist or cannot be read. Raises `MigrationError` if the folder has
    faults: the first one, with the further ones in its `others`. If it is not `strict`, it does as `survey`.
    """
    folder = survey(directory, holds_data=holds_data)
    if strict and folder.faults:
        raise gather(folder.faults)
    return folder


def survey(directory: str | Path, *, holds_data: bool = False) -> Folder:
    """Read the migrations of a folder like `load`, but return its faults together with all that could be read.

    So `up` can execute what has no fault. Raises `ConfigError` like `load`.
    """
    prefix = os.path.join(directory, "")  # noqa: PTH118 - a Path for each of 20,000 files costs half a second
    files, folders = _entries(str(directory))
    read = try_read if holds_data else try_read_sql
    found = pair(prefix, files, read)
    archive = Archive(f"{prefix}{ARCHIVE}/", reader(prefix, lambda path, names: pair(path, names, read)))
    notes = (*without_sql(found), *_notes_inside(prefix, files, folders, found))
    return Folder(found, found.faults, notes, archive)


def _notes_inside(
    prefix: str, files: Sequence[str], folders: Sequence[str], found: Sequence[Migration]
) -> Iterator[MigrationError]:
    """Yield the notes on the folders inside; without a squashed migration, the name of the archive means nothing."""
    if ARCHIVE in folders and not any(each.replaces for each in found):
        path, names = archive_names(prefix)
        if not names or not set(names) <= set(files):
            yield from folders_inside(prefix, folders)
            return
        yield interrupted_squash(path.rstrip("/"))
    yield from folders_inside(prefix, [each for each in folders if each != ARCHIVE])


def require_read(folder: Folder) -> None:
    """Raise the faults of a folder, all of them, if the files of one of its migrations cannot be read."""
    if not all(each.is_read for each in folder):
        raise gather(folder.faults)


def pair(prefix: str, names: Sequence[str], read: Callable[[str], Source | MigrationError]) -> Folder:
    """Make migrations of the `.sql` files of a folder, and return the faults of the folder with them.

    The folder need not be on disk: `prefix` and a name of `names` make a path, and `read` returns the text of a path.
    """
    ups: list[_File] = []
    downs: list[_File] = []
    errors: list[MigrationError] = []
    wrong: list[str] = []
    elsewhere: list[str] = []
    for name in names:
        match = FILE_NAME.fullmatch(name)
        path = prefix + name
        if not match:
            wrong.append(name)
            continue
        if "." in match["name"] and other_system(match["name"]):
            elsewhere.append(name)
            continue
        source = read(path)
        file = _File(path, match["version"], match["name"], *_text_and_fault(path, source))
        errors += [file.fault] if file.fault else []
        (ups if match["direction"] == "up" else downs).append(file)
    if wrong:
        errors += _wrong_files(prefix, wrong, names, read)
    if elsewhere:
        errors.append(of_other_systems(prefix, elsewhere))
    pairs = checked(list(_pairs(ups, downs, errors)), errors)
    return Folder(sorted(pairs, key=lambda migration: migration.number), errors)


def _text_and_fault(path: str, source: Source | MigrationError) -> tuple[Source, MigrationError | None]:
    """Return the text of a file, with a sign in the place of what cannot be text; empty if it could not be read."""
    if isinstance(source, Source):
        return source, None
    text = source.span.source.text.replace("\0", "\ufffd") if source.span else ""
    return Source(path, text), source


def _wrong_files(
    prefix: str, wrong: Sequence[str], names: Sequence[str], read: Callable[[str], Source | MigrationError]
) -> Iterator[MigrationError]:
    """Yield the errors of files with a wrong name; one that keeps both directions must not only be renamed."""
    from sqlmigrate.parsing.foreign import both_directions_in  # noqa: PLC0415 - only for an error

    for error, name in zip(wrong_names(prefix, wrong, names), wrong, strict=True):
        source = read(prefix + name)
        text = source.text if isinstance(source, Source) else ""
        found = both_directions_in(source, error) if isinstance(source, Source) else None
        if found and can_adopt():
            found = found.with_(next_steps=[adopting(prefix)])
        yield schema_among_migrations(prefix + name, text) or found or error


def _entries(directory: str) -> tuple[list[str], list[str]]:
    """Return the names of the `.sql` files of a folder, and those of the folders in it."""
    files: list[str] = []
    folders: list[str] = []
    try:
        with os.scandir(directory) as entries:
            for entry in entries:
                if entry.name[0] == ".":
                    continue
                is_sql = entry.name[-4:].lower() == ".sql"
                if _is_other_folder(entry):
                    folders.append(entry.name)
                elif is_sql:
                    files.append(entry.name)
        return sorted(files), sorted(folders)
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
    faults = _faults_of_names(ups, downs_of)
    shared = {number: _shared_version(files) for number, files in ups_of.items() if len(files) > 1}
    shared_downs = {  # the error of two up files is about their down files too
        number: _two_downs(files) for number, files in downs_of.items() if len(files) > 1 and number not in shared
    }
    for up in ups:
        number = version_number(up.version)
        if up.path not in faults and number in shared:
            faults[up.path] = shared[number]
    errors += dict.fromkeys(faults.values())
    errors += shared_downs.values()
    errors += [_no_up(files[0]) for number, files in downs_of.items() if number not in ups_of]
    for up in ups:
        number = version_number(up.version)
        others = downs_of.get(number, [])
        down = next((other for other in others if other.name == up.name), None)
        if not down and len(ups_of[number]) == 1 == len(others):
            down = others[0]
            errors.append(_two_names(up, down))
        yield Migration(
            up.version,
            up.name,
            up.source,
            down.source if down and down.is_read else None,
            tuple(filter(None, (up.fault, faults.get(up.path)))),
            (down.fault,) if down and down.fault else (),
            up.is_read,
        )


def _faults_of_names(ups: Sequence[_File], downs_of: Mapping[int, Sequence[_File]]) -> dict[str, MigrationError]:
    """Return the error of each up file that is named as other tools name theirs, by its path."""
    stamps = {up: found for up in ups if (found := foreign_stamp(f"{up.version}_{up.name}"))}
    taken = {version_number(up.version) for up in ups if up not in stamps}
    faults = {}
    for up, (time, name) in sorted(stamps.items(), key=lambda each: (each[1][0], each[0].path)):
        has_down = any(down.name == up.name for down in downs_of.get(version_number(up.version), ()))
        faults[up.path] = _foreign_stamp(up, own_stamp(time, name, taken), has_down=has_down)
    return faults


def _by_number(files: Sequence[_File]) -> dict[int, list[_File]]:
    found: dict[int, list[_File]] = defaultdict(list)
    for file in files:
        found[version_number(file.version)].append(file)
    return found


def _shared_version(files: Sequence[_File]) -> MigrationError:
    paths = " and ".join(file.path for file in files)
    message = f"{len(files)} migrations have version {version_number(files[0].version)}: {paths}"
    hint = "rename both files of one of them to the next free version; in git, renumber does it"
    if all(file.name[0].isdecimal() for file in files):  # 2024_001_a and 2024_002_b
        joined = "".join(f"{files[0].version}_{files[0].name}".split("_", 1))
        hint = f"a version ends at the first `_`: if they are two, write {joined}"
    return MigrationError(message, kind=Kind.SHARED_VERSION, hint=hint, next_steps=["sqlmigrate renumber"])


def _two_downs(files: Sequence[_File]) -> MigrationError:
    paths = " and ".join(file.path for file in files)
    message = f"version {version_number(files[0].version)} has {len(files)} down files: {paths}"
    return MigrationError(message, hint="keep the one that undoes the up file, and delete the rest")


def _foreign_stamp(up: _File, label: str, *, has_down: bool) -> MigrationError:
    return MigrationError(
        f"{up.path} has the time stamp of another tool: it would be version {up.version}",
        kind=Kind.FOREIGN_STAMP,
        hint=f"rename it to {label}.up.sql" + (f", and its down file to {label}.down.sql" if has_down else ""),
    )


def _no_up(down: _File) -> MigrationError:
    up = down.path.removesuffix(".down.sql") + ".up.sql"
    return MigrationError(
        f"{down.path} has no up file",
        kind=Kind.NO_UP_FILE,
        hint=f"add {up}, or delete the down file: without an up file it is never executed",
    )


def _two_names(up: _File, down: _File) -> MigrationError:
    message = f"version {up.version} has two names: {up.path} and {down.path}"
    return MigrationError(message, hint="give the up and the down file the same name")
