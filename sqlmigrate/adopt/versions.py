"""The version and the name that each migration of another tool gets here.

A version stays as it is written, so that a file can be compared with the one of the old folder. It changes only where
it cannot stay: a version with dots, two migrations of one version, no version at all.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from sqlmigrate.files.naming import FILE_NAME, foreign_stamp, version_number

from .foreign import ForeignMigration

_DOTTED = re.compile(r"[0-9]+(?:[._][0-9]+)*")
_OURS = re.compile(r"[0-9]{8}_[0-9]{6}|[0-9]+")
_NOT_IN_NAMES = re.compile(r"[^\w.-]+")
_NUMBER_WIDTH = 3


@dataclass(frozen=True)
class OwnName:
    """The version and the name that a migration gets here.

    Attributes:
        version: The version, as the names of our files have it.
        name: The name behind it.
        is_renumbered: Whether the other tool writes the version in another way, or has none.
    """

    version: str
    name: str
    is_renumbered: bool = False

    @property
    def label(self) -> str:
        """Version and name: ``20240101120000_create_users``."""
        return f"{self.version}_{self.name}"


def own_names(migrations: Sequence[ForeignMigration]) -> list[OwnName]:
    """Return version and name of each migration as our files have them.

    The order of the versions is the order of the migrations. A version that is taken becomes the next one, and so do
    those after it that have no room left.
    """
    found: list[OwnName] = []
    before = -1
    for written, migration in zip(_written([each.version for each in migrations]), migrations, strict=True):
        number = max(version_number(written), before + 1) if written else max(before, 0) + 1
        version = written if written and version_number(written) == number else _padded(number, written)
        found.append(OwnName(version, _name(version, migration.name), version != migration.version))
        before = number
    return found


def _written(versions: Sequence[str]) -> list[str]:
    """Return the versions as digits, in the same order; versions without an order of their own become empty."""
    given = [version for version in versions if version]
    if not all(_DOTTED.fullmatch(version) for version in given):
        return ["" for _ in versions]
    if all(_OURS.fullmatch(version) for version in given):
        return list(versions)
    parts = {version: re.split(r"[._]", version) for version in given}
    depth = max(map(len, parts.values()))
    filled = {version: [*each, *["0"] * (depth - len(each))] for version, each in parts.items()}
    widths = [max(len(each[level].lstrip("0") or "0") for each in filled.values()) for level in range(depth)]
    digits = {
        version: "".join(part.lstrip("0").zfill(width) for part, width in zip(each, widths, strict=True))
        for version, each in filled.items()
    }
    return [digits.get(version, "") for version in versions]


def _padded(number: int, like: str) -> str:
    """Write a number with as many digits as `like`, with its underscore."""
    if "_" in like:
        digits = str(number).zfill(14)
        return f"{digits[:8]}_{digits[8:]}"
    return str(number).zfill(len(like) or _NUMBER_WIDTH)


def _name(version: str, name: str) -> str:
    """Return a name that can stand behind the version: one that begins as a time does would be read as a part of it."""
    plain = _NOT_IN_NAMES.sub("_", name).strip("_") or "migration"
    match = FILE_NAME.fullmatch(f"{version}_{plain}.up.sql")
    is_right = match is not None and match["version"] == version and not foreign_stamp(f"{version}_{plain}")
    return plain if is_right else f"m{plain}"
