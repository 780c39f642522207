"""File names and versions of migrations: the pattern, the next version, the nearest right name."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from sqlmigrate.errors import MigrationError

from .migration import version_number

FILE_NAME = re.compile(r"(?P<version>[0-9]{8}_[0-9]{6}|[0-9]+)_(?P<name>[\w.-]+)\.(?P<direction>up|down)\.sql")
STAMP = re.compile(r"[0-9]{8}(_?)[0-9]{6}")
# How names are written elsewhere, and by slips of the hand: V1__name, 2026-02-13-120530_name, up_001_name, 001_name.dwn
_LOOSE_STAMP = re.compile(
    r"([0-9]{4})-?([0-9]{2})-?([0-9]{2})(?:[-_Tt ]*([0-9]{2})[-:]?([0-9]{2})[-:]?([0-9]{2}))?(?![0-9])"
)
_LOOSE_VERSION = re.compile(r"[_.\s-]*[A-Za-z]{0,2}(?P<version>[0-9]{8}_[0-9]{6}|[0-9]+)(?P<rest>.*)", re.DOTALL)
_DOWNS, _UPS = "down|undo|revert|rollback|dwon|donw|dow|dn", "up|upp|do|deploy|apply"
_LOOSE_DOWN = re.compile(rf"^(?:{_DOWNS})[._-](?=[vV]?[0-9])|[._-](?:{_DOWNS})$", re.IGNORECASE)
_LOOSE_UP = re.compile(rf"^(?:{_UPS})[._-](?=[vV]?[0-9])|[._-](?:{_UPS})$", re.IGNORECASE)
_REPEATABLE = re.compile(r"R__")
_NUMBER_WIDTH = 3


def wrong_names(prefix: str, wrong: Sequence[str], names: Sequence[str]) -> Iterator[MigrationError]:
    """Give an error for each name, with the nearest right one that is free; what has a number keeps it first."""
    taken = [name for name in names if name not in wrong]
    right: dict[str, str] = {}
    for name in sorted(wrong, key=lambda name: not _LOOSE_VERSION.match(name)):
        right[name] = _nearest_name(name, taken)
        taken.append(right[name])
    for name in wrong:
        yield MigrationError(
            f"{prefix}{name} fits no pattern of a migration, VERSION_NAME.up.sql or VERSION_NAME.down.sql",
            hint=f"rename it: {right[name]}",
        )


def _nearest_name(name: str, taken: Sequence[str]) -> str:
    stem = re.sub(r"(\.sql)+$", "", name, flags=re.IGNORECASE)
    direction = "down" if _LOOSE_DOWN.search(stem) or re.match("U[0-9]", stem) else "up"
    stem = _LOOSE_STAMP.sub(_stamp, _REPEATABLE.sub("", _LOOSE_UP.sub("", _LOOSE_DOWN.sub("", stem))), count=1)
    match = _LOOSE_VERSION.match(stem)
    title = slug(match["rest"] if match else stem) or "name"
    others = [found for found in map(FILE_NAME.fullmatch, taken) if found]
    version = match["version"] if match else None
    if version is None or any(_is_taken(found, version, f"{title}.{direction}") for found in others):
        version = next_number([found["version"] for found in others])
    return f"{version}_{title}.{direction}.sql"


def _stamp(match: re.Match[str]) -> str:
    return "".join(match.groups()[:3]) + ("_" + "".join(match.groups()[3:]) if match[4] else "")


def _is_taken(found: re.Match[str], version: str, wanted: str) -> bool:
    """Tell whether a file stands in the way of a name of that version: another migration, or the very file."""
    if version_number(found["version"]) != version_number(version):
        return False
    title, _, direction = wanted.rpartition(".")
    return found["name"] != title or found["direction"] == direction


def slug(title: str) -> str:
    """Give a title as the name of a file: ``Add user settings table`` becomes ``add_user_settings_table``."""
    return re.sub(r"[^\w.-]+", "_", title.strip().lower()).strip("_.-")


def next_number(versions: Sequence[str]) -> str:
    """Give the number after the newest of `versions`, as many digits wide."""
    newest = max(versions, key=version_number, default="0" * _NUMBER_WIDTH)
    return str(version_number(newest) + 1).zfill(len(newest.replace("_", "")))
