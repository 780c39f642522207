"""A migration: its version, its name, its two texts and their checksum."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, Self

from sqlmigrate.errors import MigrationError
from sqlmigrate.source import BYTE_ORDER_MARK, Source

from .naming import version_number
from .replaces import Replaces, find_replaces


@dataclass(frozen=True)
class Migration:
    """A pair of files.

    Attributes:
        version: The version as in the file name: ``003``, or a time stamp.
        name: The name as in the file name.
        up: The text of the up file.
        down: The text of the down file; None if there is none: the migration is irreversible.
        faults: Why the up file cannot be executed: its bytes, its name, another migration of the same version.
        down_faults: Why the down file cannot be executed.
        is_read: Whether the text of the up file is known; the text of one that cannot be read is empty.
        memory: What was found out about its files, for those that execute them many times; None: it is not kept.

    """

    version: str
    name: str
    up: Source
    down: Source | None = None
    faults: tuple[MigrationError, ...] = field(default=(), compare=False)
    down_faults: tuple[MigrationError, ...] = field(default=(), compare=False)
    is_read: bool = field(default=True, compare=False)
    memory: dict[str, Any] | None = field(default=None, compare=False, repr=False)

    @property
    def number(self) -> int:
        """The version as it is compared: ``003`` is ``3``, a time stamp is read without its underscore."""
        return version_number(self.version)

    @property
    def label(self) -> str:
        """Version and name as in the file name: ``001_create_initial_auth_tables``."""
        return f"{self.version}_{self.name}"

    @cached_property
    def checksum(self) -> str:
        """The `checksum` of the up file."""
        return text_checksum(self.up)

    @cached_property
    def replaces(self) -> Replaces | None:
        """Which migrations it replaces, if it is a squashed one."""
        return find_replaces(self.up)


class Folder(tuple[Migration, ...]):  # noqa: SLOT001 - a tuple can have no slots, and this one has attributes
    """The migrations of a folder, in the order of their versions; with what is wrong in it.

    Attributes:
        faults: All faults, those of the migrations among them. They are errors of `verify`. `up` refuses only those of
            what it is about to execute, and notes the others.
        notes: What the user has to know and is not a fault: folders inside that hold migrations.
        archive: The migrations that squashed ones have replaced; their files are read when they are asked for.
    """

    faults: tuple[MigrationError, ...]
    notes: tuple[MigrationError, ...]
    archive: Archive

    def __new__(
        cls,
        migrations: Iterable[Migration] = (),
        faults: Iterable[MigrationError] = (),
        notes: Iterable[MigrationError] = (),
        archive: Archive | None = None,
    ) -> Self:
        """Make a tuple of the migrations that also has the faults, the notes and the archive."""
        folder = super().__new__(cls, migrations)
        folder.faults, folder.notes = tuple(faults), tuple(notes)
        folder.archive = archive or Archive("", lambda: ())
        return folder


def remembering(migrations: Folder) -> Folder:
    """Return the folder with migrations that keep what was found out about their files: each is split only once."""
    kept = (replace(each, memory={}) for each in migrations)
    return Folder(kept, migrations.faults, migrations.notes, migrations.archive)


class Archive:
    """The folder with the migrations that squashed ones have replaced.

    Attributes:
        path: The folder, with a slash at its end; empty if there can be none.

    """

    def __init__(self, path: str, read: Callable[[], Iterable[Migration]]) -> None:
        self.path = path
        self._read = read

    @cached_property
    def migrations(self) -> tuple[Migration, ...]:
        """The migrations in it, in the order of their versions; none if the folder does not exist."""
        return tuple(self._read())


def archive_of(migrations: Iterable[Migration]) -> Archive:
    """Return the archive of a folder; of other migrations, an empty one."""
    return migrations.archive if isinstance(migrations, Folder) else Archive("", lambda: ())


def normalized(text: str) -> str:
    """Return a text in the form that is compared: no byte order mark, LF for CRLF, one newline at the end."""
    return text.removeprefix(BYTE_ORDER_MARK).replace("\r\n", "\n").rstrip("\n") + "\n"


def checksum(text: str) -> str:
    """Return the SHA-256 of the normalized text, as 64 hexadecimal digits."""
    return hashlib.sha256(normalized(text).encode()).hexdigest()


def text_checksum(source: Source) -> str:
    """Return the `checksum` of a source, with what of it stays on disk."""
    return source.checksum or checksum(source.text)
