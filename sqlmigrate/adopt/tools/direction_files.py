"""Migrations that keep each direction in a file of its own: `1_name.up.sql`, `1_name.down.sql`.

Tools of this kind put the two files together by the number alone: their names may differ.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from sqlmigrate.adopt.foreign import ForeignMigration, Listing, Part
from sqlmigrate.errors import MigrationError
from sqlmigrate.files.naming import FILE_NAME, foreign_stamp

from .tool import not_sql

Direction = Literal["up", "down"]
_PAIR = re.compile(r"(?P<version>[0-9]+)_(?P<name>.*)\.(?P<direction>down|up)\.(?P<extension>.*)")


@dataclass(frozen=True)
class DirectionFile:
    """A file that holds one direction of a migration.

    Attributes:
        path: Its path in the listing.
        version: The digits of its version.
        name: The name behind them.
        direction: What it does.
    """

    path: str
    version: str
    name: str
    direction: Direction

    @property
    def number(self) -> int:
        """The version as the tools compare it."""
        return int(self.version)


def pair_files(paths: Sequence[str]) -> list[DirectionFile]:
    """Return the files whose names say a direction, with any extension."""
    return [file for path in paths if (file := pair_file(path))]


def pair_file(path: str) -> DirectionFile | None:
    """Read the name of a file; None if it says no direction."""
    found = _PAIR.fullmatch(path.rpartition("/")[2])
    if found is None:
        return None
    direction: Direction = "up" if found["direction"] == "up" else "down"
    return DirectionFile(path, found["version"], found["name"], direction)


def migrations_of(
    listing: Listing, files: Sequence[DirectionFile], no_transaction: str = ""
) -> tuple[ForeignMigration, ...]:
    """Put the files of each version together, in the order of the versions.

    `no_transaction` are the first bytes of a file that the tool executes without a transaction.
    """
    return tuple(
        _migration(listing, group, no_transaction) for group in sorted(_groups(files), key=lambda each: each[0].number)
    )


def is_ours(listing: Listing, files: Sequence[DirectionFile], migrations: Sequence[ForeignMigration]) -> bool:
    """Tell whether the folder can be read as it is: nothing but pairs of ours, none of them doubled or converted."""
    ups = [migration.path.removesuffix(".up.sql") for migration in migrations]
    expected = {f"{path}.{direction}.sql" for path in ups for direction in ("up", "down")}
    return (
        len({int(migration.version) for migration in migrations}) == len(migrations)
        and not any(migration.notes or migration.obstacles for migration in migrations)
        and all(_is_our_name(file) and listing.path(file.path) in expected for file in files)
        and {path for path in listing.top if path.endswith(".sql")} == {file.path for file in files}
    )


def _is_our_name(file: DirectionFile) -> bool:
    found = FILE_NAME.fullmatch(file.path)
    return bool(found and found["version"] == file.version and not foreign_stamp(file.path.partition(".")[0]))


def _groups(files: Sequence[DirectionFile]) -> Iterator[list[DirectionFile]]:
    """Yield the files of each migration: those of one version, or of one version and name if that has several."""
    versions: dict[int, list[DirectionFile]] = {}
    for file in files:
        versions.setdefault(file.number, []).append(file)
    for same in versions.values():
        if max(sum(file.direction == each for file in same) for each in ("up", "down")) <= 1:
            yield same
            continue
        names: dict[str, list[DirectionFile]] = {}
        for file in same:
            names.setdefault(file.name, []).append(file)
        yield from names.values()


def _migration(listing: Listing, files: Sequence[DirectionFile], no_transaction: str) -> ForeignMigration:
    ups = [file for file in files if file.direction == "up"]
    downs = [file for file in files if file.direction == "down"]
    first = (ups or downs)[0]
    path = listing.path(first.path)
    obstacles = [] if ups else [MigrationError(f"{path} has no up file", hint="delete it, or write the up file")]
    notes: list[MigrationError] = []
    parts: dict[Direction, Part] = {}
    for file in (*ups, *downs):
        if file.direction in parts:
            obstacles.append(_doubled(path, listing.path(file.path)))
            continue
        source = not_sql(listing.path(file.path)) or listing.try_source(file.path)
        if isinstance(source, MigrationError):
            obstacles.append(source)
            continue
        is_without = bool(no_transaction) and listing.files[file.path].startswith(no_transaction.encode())
        parts[file.direction] = Part(source.text, has_transaction=not is_without)
        if is_without:
            said = f"`{no_transaction}` becomes the directive `no-transaction`"
            notes.append(MigrationError(said, source.span(0, len(no_transaction))))
    up = None if obstacles else parts.get("up")
    return ForeignMigration(
        str(first.number), first.version, first.name, path, up, parts.get("down"),
        tuple(notes), tuple(obstacles), listing.files[first.path],
    )  # fmt: skip


def _doubled(first: str, second: str) -> MigrationError:
    return MigrationError(
        f"{first} and {second} are the same direction of one migration", hint="delete the one that is not used"
    )
