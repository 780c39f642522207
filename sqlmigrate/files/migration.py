"""A migration: version, name, the two texts, the checksum."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cached_property

from sqlmigrate.source import BYTE_ORDER_MARK, Source


@dataclass(frozen=True)
class Migration:
    """A pair of files; `down` is None where there is no down file: the migration is irreversible."""

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
    """Give the number that a version is compared as."""
    return int(version.replace("_", ""))


def normalized(text: str) -> str:
    """Give a text without what is no change: CRLF as LF, trailing newlines as one."""
    return text.removeprefix(BYTE_ORDER_MARK).replace("\r\n", "\n").rstrip("\n") + "\n"


def checksum(text: str) -> str:
    """Give the SHA-256 of the normalized text, as 64 hexadecimal digits."""
    return hashlib.sha256(normalized(text).encode()).hexdigest()
