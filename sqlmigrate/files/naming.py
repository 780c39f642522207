"""File names and versions of migrations: the pattern, the next version, the nearest right name for a wrong one."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta

from sqlmigrate.errors import MigrationError

FILE_NAME = re.compile(r"(?P<version>[0-9]{8}_[0-9]{6}|[0-9]+)_(?P<name>[\w.-]+)\.(?P<direction>up|down)\.sql")
STAMP = re.compile(r"[0-9]{8}_?[0-9]{6}")
# Names from other tools, and typing errors: V1__name, 2026-02-13-120530_name, up_001_name, 001_name.dwn
_LOOSE_STAMP = re.compile(
    r"([0-9]{4})-?([0-9]{2})-?([0-9]{2})(?:[-_Tt ]*([0-9]{2})[-:]?([0-9]{2})[-:]?([0-9]{2}))?(?![0-9])"
)
_LOOSE_VERSION = re.compile(r"[_.\s-]*[A-Za-z]{0,2}(?P<version>[0-9]{8}_[0-9]{6}|[0-9]+)(?P<rest>.*)", re.DOTALL)
_DOWNS, _UPS = "down|undo|revert|rollback|dwon|donw|dow|dn", "up|upp|do|deploy|apply"
_LOOSE_DOWN = re.compile(rf"^(?:{_DOWNS})[._-](?=[vV]?[0-9])|[._-](?:{_DOWNS})$", re.IGNORECASE)
_LOOSE_UP = re.compile(rf"^(?:{_UPS})[._-](?=[vV]?[0-9])|[._-](?:{_UPS})$", re.IGNORECASE)
# Time stamps of other tools, of which FILE_NAME takes only the first part for the version: 2014_10_12_000000_name
# (Laravel), 20240101_1200_name (without seconds), 2024_01_15_name
_TIME = r"(?P<hour>[01][0-9]|2[0-3])_?(?P<minute>[0-5][0-9])(?:_?(?P<second>[0-5][0-9]))?"
_MONTH_AND_DAY = r"(?P<month>0[1-9]|1[0-2]){0}(?P<day>0[1-9]|[12][0-9]|3[01])"
_FOREIGN_STAMP = tuple(
    re.compile(rf"(?P<year>(?:19|20)[0-9]{{2}}){pattern}", re.DOTALL)
    for pattern in (
        rf"_{_MONTH_AND_DAY.format('_')}(?:_{_TIME}(?=_|$))?(?:_(?P<rest>.*))?",
        rf"{_MONTH_AND_DAY.format('')}_{_TIME}_(?P<rest>.*)",
    )
)
# How folders for several database systems name their files: 001_users.mysql.up.sql
_OTHER_SYSTEMS = frozenset(
    ("clickhouse", "cockroach", "cockroachdb", "h2", "mariadb", "mssql", "mysql", "oracle", "sqlite", "sqlite3")
)
SCHEMA_FILE = "-- The schema that the migrations make, written by: sqlmigrate schema\n"  # its first line
_REPEATABLE = re.compile(r"R__")
_NUMBER_WIDTH = 3


def version_number(version: str) -> int:
    """Return the number as which a version is compared."""
    return int(version.replace("_", ""))


def name_of(title: str) -> str:
    """Turn a title into the name of a migration: ``Add user settings table`` becomes ``add_user_settings_table``."""
    return re.sub(r"[^\w.-]+", "_", title.strip().lower()).strip("_.-")


def next_number(versions: Sequence[str]) -> str:
    """Return the number after the newest of `versions`, with as many digits."""
    newest = max(versions, key=version_number, default="0" * _NUMBER_WIDTH)
    return str(version_number(newest) + 1).zfill(len(newest.replace("_", "")))


def stamp(now: datetime, *, like: str = "_") -> str:
    """Return the time stamp of a moment, with an underscore in the middle if the stamp `like` has one."""
    return now.strftime(_stamp_format(like))


def version_after(newest: str, now: datetime) -> str:
    """Return a version after `newest`, of the same kind: the next number, or a time stamp.

    The time stamp is that of `now` (UTC), or of one second after `newest` if that is later.
    """
    if not STAMP.fullmatch(newest):
        return next_number([newest])
    with suppress(ValueError):  # 14 digits that are not a time
        newest_time = datetime.strptime(newest, _stamp_format(newest)).replace(tzinfo=UTC)
        now = max(now, newest_time + timedelta(seconds=1))
    return stamp(now, like=newest)


def _stamp_format(like: str) -> str:
    return "%Y%m%d_%H%M%S" if "_" in like else "%Y%m%d%H%M%S"


def foreign_stamp(label: str) -> tuple[datetime, str] | None:
    """Return the time and the name in a label that has another tool's time stamp; None for a label of ours."""
    if re.match(r"[0-9]{8}_[0-9]{6}_", label):
        return None
    for pattern in _FOREIGN_STAMP:
        if found := pattern.fullmatch(label):
            time = "".join(found[part] or "00" for part in ("year", "month", "day", "hour", "minute", "second"))
            with suppress(ValueError):  # the 31st of February
                return datetime.strptime(time, "%Y%m%d%H%M%S").replace(tzinfo=UTC), found["rest"] or "name"
    return None


def schema_among_migrations(path: str, text: str) -> MigrationError | None:
    """Return the error for a file of the command `schema`: under the nearest right name it would be executed.

    None if it is another file.
    """
    if not text.startswith(SCHEMA_FILE):
        return None
    return MigrationError(
        f"{path} was written by `sqlmigrate schema`: it shows the schema, and is not a migration",
        hint="move it out of this folder; the setting schema_file says where it is",
    )


def own_name(folder: str) -> str:
    """Return the label that the folder of a migration becomes: ``2024-01-02-000000_a`` is ``20240102_000000_a``."""
    is_right = FILE_NAME.fullmatch(f"{folder}.up.sql")
    return folder if is_right else _nearest_name(f"{folder}.up", ()).removesuffix(".up.sql")


def own_stamp(time: datetime, name: str, taken: set[int]) -> str:
    """Return the label that a label of another tool becomes, some seconds later if its version is in `taken`."""
    while version_number(version := stamp(time)) in taken:
        time += timedelta(seconds=1)
    taken.add(version_number(version))
    return f"{version}_{name}"


def wrong_names(prefix: str, wrong: Sequence[str], names: Sequence[str]) -> Iterator[MigrationError]:
    """Yield an error for each wrong name of a folder, with the nearest right name that is free.

    `names` are all the names of the folder. A wrong name with a number in it keeps its number if it can.
    """
    taken = [name for name in names if name not in wrong]
    right: dict[str, str] = {}
    for name in sorted(wrong, key=lambda name: not _LOOSE_VERSION.match(name)):
        right[name] = _nearest_name(name, taken)
        taken.append(right[name])
    for name in wrong:
        message = f"{prefix}{name} is not a migration file name; expected VERSION_NAME.up.sql or VERSION_NAME.down.sql"
        yield MigrationError(message, hint=f"rename it to {right[name]}")


def _nearest_name(name: str, taken: Sequence[str]) -> str:
    stem = re.sub(r"(\.sql)+$", "", name, flags=re.IGNORECASE)
    direction = "down" if _LOOSE_DOWN.search(stem) or re.match("U[0-9]", stem) else "up"
    stem = _LOOSE_STAMP.sub(_joined, _REPEATABLE.sub("", _LOOSE_UP.sub("", _LOOSE_DOWN.sub("", stem))), count=1)
    match = _LOOSE_VERSION.match(stem)
    title = name_of(match["rest"] if match else stem) or "name"
    others = [found for found in map(FILE_NAME.fullmatch, taken) if found]
    version = match["version"] if match else None
    if foreign := foreign_stamp(f"{version}_{title}"):
        time, title = foreign
        while any(_is_taken(found, version := stamp(time), f"{title}.{direction}") for found in others):
            time += timedelta(seconds=1)
        version = stamp(time)
    if version is None or any(_is_taken(found, version, f"{title}.{direction}") for found in others):
        version = next_number([found["version"] for found in others])
    return f"{version}_{title}.{direction}.sql"


def _joined(match: re.Match[str]) -> str:
    """Write a date, or a date and a time, as a version; a version of digits alone stays as it is."""
    if match[0].isdecimal():
        return match[0]
    return "".join(match.groups()[:3]) + ("_" + "".join(match.groups()[3:]) if match[4] else "")


def _is_taken(found: re.Match[str], version: str, wanted: str) -> bool:
    """Tell whether a file occupies a name of that version: another migration, or a file of exactly that name."""
    if version_number(found["version"]) != version_number(version):
        return False
    title, _, direction = wanted.rpartition(".")
    return found["name"] != title or found["direction"] == direction


def other_system(name: str) -> str:
    """Return the database system, other than PostgreSQL, that the name of a migration ends with; empty for none."""
    return next((part for part in name.lower().split(".")[1:] if part in _OTHER_SYSTEMS), "")


def of_other_systems(prefix: str, names: Sequence[str]) -> MigrationError:
    """Make the error of the files for other database systems: PostgreSQL must not execute them."""
    systems = sorted({other_system(name) for name in names})
    more = f" and {len(names) - 1} more files are" if len(names) > 1 else " is"
    return MigrationError(
        f"{prefix}{names[0]}{more} named for {', '.join(systems)}: not executed",
        hint="move the files for other database systems to another folder, or rename what is for PostgreSQL",
    )
