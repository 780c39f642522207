"""Squashed migrations in the folder: what is wrong with them, and the archive of what they replace."""

from __future__ import annotations

import os
import shlex
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import replace

from sqlmigrate.errors import Kind, MigrationError

from .migration import Folder, Migration
from .naming import version_number
from .replaces import ARCHIVE, faults_of_list, find_replaces

_SHOWN = 3  # migrations that are named


def checked(pairs: Sequence[Migration], errors: list[MigrationError]) -> list[Migration]:
    """Return the migrations of a folder, with the faults of squashed ones; `errors` gets the faults as well."""
    found = [_of_down(each, errors) for each in pairs]
    if not any(each.replaces for each in pairs):
        return found
    squashed = [each for each in pairs if each.replaces and version_number(each.replaces.last) == each.number]
    left = {each.up.path: _left(each, pairs) for each in squashed}
    faults = {each.up.path: tuple(_faults(each, squashed, left)) for each in found}
    errors += dict.fromkeys(fault for group in faults.values() for fault in group)
    settled = {fault for each in found if any(_is_replaced(fault) for fault in faults[each.up.path])
               for fault in each.faults if fault.kind is Kind.SHARED_VERSION}  # fmt: skip
    errors[:] = [each for each in errors if each not in settled]
    return [
        replace(each, faults=(*(fault for fault in each.faults if fault not in settled), *faults[each.up.path]))
        for each in found
    ]


def faults_of_squashed(migrations: Iterable[Migration]) -> list[MigrationError]:
    """Return the faults that keep it unknown what a squashed migration replaces."""
    unclear = (Kind.WRONG_RANGE, Kind.REPLACED, Kind.SQUASHED_TWICE)
    return [fault for each in migrations if each.replaces for fault in each.faults if fault.kind in unclear]


def archive_faults(folder: Folder) -> list[MigrationError]:
    """Return an error for each file of the archive that is not the one that was squashed; the archive is read."""
    squashed = [each for each in folder if each.replaces and each.replaces.listed]
    if not squashed:
        return []
    found = folder.archive.migrations
    inner = [each for each in found if each.replaces and each.replaces.listed]
    listed = [(each, one) for each in (*squashed, *inner) if each.replaces for one in each.replaces.listed]
    return [
        changed_in_archive(migration, into.label)
        for into, one in listed
        for migration in found
        if migration.label == one.label and migration.is_read and not one.is_text(migration.checksum)
    ]


def changed_in_archive(migration: Migration, into: str) -> MigrationError:
    """Return the error of a file of the archive that is not the text that was squashed into `into`."""
    path = shlex.quote(migration.up.path)
    return MigrationError(
        f"{migration.up.path}: not the text that was squashed into {into}",
        migration.up.span(0, 0),
        kind=Kind.CHANGED_ARCHIVE,
        hint="the archive has to stay as it was: take the file from the commit that has put it there",
        next_steps=[f'git checkout "$(git log -n 1 --diff-filter=A --format=%H -- {path})" -- {path}'],
    )


def archived(pairs: Sequence[Migration]) -> list[Migration]:
    """Return the migrations of an archive in their order; a squashed one follows what it has replaced itself."""
    if any(each.replaces for each in pairs):  # what it has replaced itself is there as well
        together = (Kind.SHARED_VERSION, Kind.REPLACED, Kind.SQUASHED_TWICE)
        pairs = [
            replace(each, faults=tuple(fault for fault in each.faults if fault.kind not in together)) for each in pairs
        ]
    return sorted(pairs, key=lambda each: (each.number, each.replaces is not None))


def archive_names(prefix: str) -> tuple[str, list[str]]:
    """Return the path of the archive of a folder, with a slash at its end, and the names of the `.sql` files in it."""
    path = f"{prefix}{ARCHIVE}/"
    with suppress(FileNotFoundError, NotADirectoryError):
        return path, sorted(name for name in os.listdir(path) if name[:1] != "." and name[-4:].lower() == ".sql")  # noqa: PTH208
    return path, []


def _of_down(migration: Migration, errors: list[MigrationError]) -> Migration:
    down = migration.down
    if down is None or (replaces := find_replaces(down)) is None:
        return migration
    fault = MigrationError(
        "the directive `replaces` is in a down file",
        replaces.span,
        hint=f"move it to the first line of {migration.up.path}",
    )
    errors.append(fault)
    return replace(migration, down_faults=(*migration.down_faults, fault))


def _faults(
    migration: Migration, squashed: Sequence[Migration], left: dict[str, MigrationError]
) -> Iterator[MigrationError]:
    if migration.replaces:
        yield from faults_of_list(migration.replaces, migration.version)
    for other in squashed:
        if other is migration or other.up.path == migration.up.path or not other.replaces:
            continue
        if other.replaces.covers(migration.number) and not _is_inside(other, migration):
            if _is_listed(migration, other):
                yield left[other.up.path]
            elif migration.replaces:  # one fault of both
                first, last = sorted((migration, other), key=lambda each: each.up.path)
                key = f"{first.up.path} {last.up.path}"
                if key not in left:
                    left[key] = _two_squashed(first, last)
                yield left[key]
            else:
                yield _replaced(migration, other)


def _is_inside(one: Migration, other: Migration) -> bool:
    """Tell whether `other` replaces `one`: then the fault is that of `one`."""
    return other.replaces is not None and other.number > one.number and other.replaces.covers(one.number)


def _is_replaced(fault: MigrationError) -> bool:
    return fault.kind in (Kind.REPLACED, Kind.SQUASHED_TWICE)


def _is_listed(migration: Migration, squashed: Migration) -> bool:
    return squashed.replaces is not None and any(each.label == migration.label for each in squashed.replaces.listed)


def _left(squashed: Migration, pairs: Sequence[Migration]) -> MigrationError:
    """Return the fault of all migrations that are in the folder with the squashed one that lists them."""
    left = [each.label for each in pairs if _is_listed(each, squashed)]
    more = f" and {len(left) - _SHOWN:,} more" if len(left) > _SHOWN else ""
    are = "is" if len(left) == 1 else "are"
    return MigrationError(
        f"{', '.join(left[:_SHOWN])}{more} {are} still in the folder, and {squashed.label} replaces "
        + ("it" if len(left) == 1 else "them"),
        kind=Kind.REPLACED,
        hint="move the files into the archive: squash again does it",
        next_steps=[f"sqlmigrate squash {squashed.version}"],
    )


def _replaced(migration: Migration, squashed: Migration) -> MigrationError:
    return MigrationError(
        f"{migration.label} is in the range {squashed.replaces} that {squashed.label} replaces, but was not squashed",
        kind=Kind.REPLACED,
        hint="a new database would execute it before the squashed one, and others after it: rename its files to a free "
        "version after the newest; in git, renumber does it",
        next_steps=["sqlmigrate renumber"],
    )


def _two_squashed(one: Migration, other: Migration) -> MigrationError:
    """Return the fault of two squashed migrations that replace the same ones, as a merge can leave them."""
    pairs = [" ".join(shlex.quote(source.path) for source in (each.up, each.down) if source) for each in (one, other)]
    same = "replace the same migrations" if one.number == other.number else "replace some of the same migrations"
    rest = "" if one.number == other.number else ", and take back from the archive what only that one replaces"
    return MigrationError(
        f"{one.label} and {other.label} {same}: keep one of them",
        kind=Kind.SQUASHED_TWICE,
        hint="keep the one that databases have in their history (sqlmigrate log), or any if none has; "
        f"delete the files of the other{rest}",
        next_steps=[f"git rm {pairs[1]}", f"or: git rm {pairs[0]}"],
    )


def reader(prefix: str, pair: Callable[[str, Sequence[str]], Sequence[Migration]]) -> Callable[[], list[Migration]]:
    """Return what reads the archive of a folder; `pair` makes migrations of the files of a folder."""

    def read() -> list[Migration]:
        path, names = archive_names(prefix)
        return archived(pair(path, names)) if names else []

    return read
