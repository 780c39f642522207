"""A migration: its version, its name, its two texts and their checksum."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cached_property

from sqlmigrate.source import BYTE_ORDER_MARK, Source


@dataclass(frozen=True)
class Migration:
    """A pair of files.

    Attributes:
        version: The version as in the file name: ``003``, or a time stamp.
        name: The name as in the file name.
        up: The text of the up file.
        down: The text of the down file; None if there is none: the migration is irreversible.

    """

    version: str
    name: str
    up: Source
    down: Source | None = None

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
        return checksum(self.up.text)


def version_number(version: str) -> int:
    """Return the number as which a version is compared."""
    return int(version.replace("_", ""))


def normalized(text: str) -> str:
    """Return a text in the form that is compared: no byte order mark, LF for CRLF, one newline at the end."""
    return text.removeprefix(BYTE_ORDER_MARK).replace("\r\n", "\n").rstrip("\n") + "\n"


def checksum(text: str) -> str:
    """Return the SHA-256 of the normalized text, as 64 hexadecimal digits."""
    return hashlib.sha256(normalized(text).encode()).hexdigest()
