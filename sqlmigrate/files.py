"""The folder `sql/` as a list of migrations; making a new pair.

Reading finds every fault of the folder at once: names that fit no pattern, two migrations of one version, halves that
do not belong together, text that is not UTF-8. What stands *in* the files is `statement`'s business.
"""

from __future__ import annotations

import errno
import hashlib
import os
import re
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

from .errors import ConfigError, MigrationError, gather
from .source import BYTE_ORDER_MARK, Source

_FILE_NAME = re.compile(r"(?P<version>[0-9]{8}_[0-9]{6}|[0-9]+)_(?P<name>[\w.-]+)\.(?P<direction>up|down)\.sql")
_STAMP = re.compile(r"[0-9]{8}(_?)[0-9]{6}")
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
_PART_SIZE = 2**16  # bytes read at once
SHARED_VERSION = "give one of them the next free number, its up and its down file"  # the one hint that renumbering is


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


# -- reading -----------------------------------------------------------------------------------------------------------


class _File(NamedTuple):
    path: str
    version: str
    name: str
    source: Source | None = None


def load(directory: str | Path) -> tuple[Migration, ...]:
    """Read the migrations of a folder, in the order of their versions; without executing or splitting anything.

    Raises `ConfigError` where there is no such folder, or one that may not be read; `MigrationError` with every fault
    of the folder, the first with the rest in its `others`.
    """
    migrations, errors = survey(directory)
    if errors:
        raise gather(errors)
    return migrations


def survey(directory: str | Path) -> tuple[tuple[Migration, ...], tuple[MigrationError, ...]]:
    """Read the migrations of a folder like `load`, and give its faults beside what could be read in spite of them."""
    prefix = os.path.join(directory, "")  # noqa: PTH118 - a Path for each of 20,000 files costs half a second
    return paired(prefix, _sql_files(str(directory)), _read)


def paired(
    prefix: str, names: Sequence[str], read: Callable[[str], Source | MigrationError]
) -> tuple[tuple[Migration, ...], tuple[MigrationError, ...]]:
    """Make migrations of the `.sql` files of a folder, wherever it is: `read` gives the text of a path."""
    ups: list[_File] = []
    downs: list[_File] = []
    errors: list[MigrationError] = []
    wrong: list[str] = []
    for name in names:
        match = _FILE_NAME.fullmatch(name)
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
        errors += _wrong_names(prefix, wrong, names)
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
        raise ConfigError(
            f"no folder `{directory}`",
            hint="name another with --directory, or make it with the first migration",
            next_steps=['sqlmigrate create "my first table"'],
        ) from None
    except NotADirectoryError:
        raise ConfigError(f"`{directory}` is a file, not a folder", hint="name the folder with --directory") from None
    except OSError as error:
        hint = f"let the user who runs this read it: chmod u+rx {directory}" if error.errno == errno.EACCES else None
        raise ConfigError(f"the folder `{directory}` cannot be read: {error.strerror}", hint=hint) from None


def _is_other_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir() and not _FILE_NAME.fullmatch(entry.name)
    except OSError:  # a link that leads nowhere: reading it says so
        return False


def read(path: str) -> Source:
    """Read one file; raises `MigrationError` where its text is none that PostgreSQL takes."""
    source = _read(path)
    if isinstance(source, MigrationError):
        raise source
    return source


def _read(path: str) -> Source | MigrationError:
    try:
        raw = _bytes(path)
    except OSError as error:
        return MigrationError(f"{path} cannot be read: {error.strerror}", hint=_READING.get(error.errno or 0))
    return decoded(path, raw)


def decoded(path: str, raw: bytes) -> Source | MigrationError:
    """Give the text of a file's bytes, or the error of what PostgreSQL does not take."""
    try:
        text = raw.decode()
    except UnicodeDecodeError as error:
        return _not_utf8(path, raw, error.start)
    source = Source(path, text.removeprefix(BYTE_ORDER_MARK))
    if (nul := source.text.find("\0")) >= 0:
        return MigrationError(
            "a NUL byte, which PostgreSQL takes in no text", source.span(nul, nul + 1), hint="take it out of the file"
        )
    return source


_READING = {
    errno.EACCES: "let the user who runs this read it: chmod u+r",
    errno.ENOENT: "it is a link to a file that is not there",
    errno.ELOOP: "it is a link that leads to itself",
    errno.EISDIR: "a migration is a file: rename the folder",
}


def _bytes(path: str) -> bytes:
    """Read a file in two thirds of the time that `open` takes."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        parts = [os.read(descriptor, _PART_SIZE)]
        while len(parts[-1]) == _PART_SIZE:
            parts.append(os.read(descriptor, _PART_SIZE))
    finally:
        os.close(descriptor)
    return b"".join(parts)


def _not_utf8(path: str, raw: bytes, start: int) -> MigrationError:
    if raw[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return MigrationError(f"{path} is not UTF-8 but UTF-16", hint="save it as UTF-8")
    before = raw[:start].decode().removeprefix(BYTE_ORDER_MARK)
    source = Source(path, raw.decode(errors="replace").removeprefix(BYTE_ORDER_MARK))
    return MigrationError(
        f"the byte 0x{raw[start]:02X} is not UTF-8", source.span(len(before), len(before) + 1), hint="save it as UTF-8"
    )


def _pairs(ups: Sequence[_File], downs: Sequence[_File], errors: list[MigrationError]) -> Iterator[Migration]:
    ups_of = _by_number(ups)
    downs_of = _by_number(downs)
    errors += [_one_version(files) for files in (*ups_of.values(), *downs_of.values()) if len(files) > 1]
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


def _one_version(files: Sequence[_File]) -> MigrationError:
    paths = " and ".join(file.path for file in files)
    message = f"{len(files)} migrations of version {version_number(files[0].version)}: {paths}"
    return MigrationError(message, hint=SHARED_VERSION)


def _no_up(down: _File) -> MigrationError:
    up = down.path.removesuffix(".down.sql") + ".up.sql"
    return MigrationError(
        f"{down.path} has no up file beside it", hint=f"add {up}, or remove the down file: it would never be executed"
    )


def _two_names(up: _File, down: _File) -> MigrationError:
    return MigrationError(
        f"version {up.version} has two names: {up.path} and {down.path}", hint="the up and the down file share one name"
    )


def _wrong_names(prefix: str, wrong: Sequence[str], names: Sequence[str]) -> Iterator[MigrationError]:
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
    others = [found for found in map(_FILE_NAME.fullmatch, taken) if found]
    version = match["version"] if match else None
    if version is None or any(_is_taken(found, version, f"{title}.{direction}") for found in others):
        version = _next_number([found["version"] for found in others])
    return f"{version}_{title}.{direction}.sql"


def _stamp(match: re.Match[str]) -> str:
    return "".join(match.groups()[:3]) + ("_" + "".join(match.groups()[3:]) if match[4] else "")


def _is_taken(found: re.Match[str], version: str, wanted: str) -> bool:
    """Tell whether a file stands in the way of a name of that version: another migration, or the very file."""
    if version_number(found["version"]) != version_number(version):
        return False
    title, _, direction = wanted.rpartition(".")
    return found["name"] != title or found["direction"] == direction


# -- making ------------------------------------------------------------------------------------------------------------

TEMPLATE_MARKS = ("-- Executed in one transaction, together with its row", "-- Undo the statements of the up file")
_UP_TEMPLATE = """\
-- {title}
--
-- Executed in one transaction, together with its row in the history: no BEGIN and COMMIT needed.
-- On a table in use: create index concurrently in a file of its own; add constraints not valid and
-- validate them in a later file; `-- sqlmigrate: lock-timeout 5s` here bounds how long others wait.

"""
_DOWN_TEMPLATE = """\
-- Takes back: {title}
--
-- Undo the statements of the up file in the reverse order. Where there is no way back, remove this file and write
-- `-- sqlmigrate: irreversible (why)` at the head of the up file.

"""


def slug(title: str) -> str:
    """Give a title as the name of a file: ``Add user settings table`` becomes ``add_user_settings_table``."""
    return re.sub(r"[^\w.-]+", "_", title.strip().lower()).strip("_.-")


def create(directory: str | Path, title: str, *, now: datetime, timestamp: bool = False) -> tuple[Path, Path]:
    """Make a new pair of files, numbered after the newest migration, or stamped where the folder does so.

    `now` is the time of the stamp (UTC), `timestamp` asks for one in any case. Nothing that exists is overwritten, and
    of the pair either both files are made or neither. Raises `ConfigError`: a title without a letter or digit, a name
    that a migration has already, a folder that may not be written; and what `load` raises.
    """
    name = slug(title)
    if not name:
        raise ConfigError(f"`{title}` has no letter or digit to name a file by", hint='"add user settings table"')
    folder = Path(directory)
    migrations = load(folder) if folder.exists() else ()
    for migration in migrations:
        if migration.name == name:
            raise ConfigError(f"{migration.up.path} has this name already", hint="say what this one does otherwise")
    version = _next_version(migrations, now, timestamp=timestamp)
    up, down = (folder / f"{version}_{name}.{direction}.sql" for direction in ("up", "down"))
    try:
        folder.mkdir(parents=True, exist_ok=True)
        line = _one_line(title)
        _write_new({up: _UP_TEMPLATE.format(title=line), down: _DOWN_TEMPLATE.format(title=line)})
    except OSError as error:
        raise ConfigError(f"{error.filename} cannot be written: {error.strerror}") from None
    return up, down


def _one_line(title: str) -> str:
    """Give a title as it can stand in a comment: what is behind a line end would be SQL."""
    return " ".join("".join(character if character.isprintable() else " " for character in title).split())


def _write_new(texts: dict[Path, str]) -> None:
    written: list[Path] = []
    try:
        for path, text in texts.items():
            with path.open("x", encoding="utf-8", newline="\n") as file:
                written.append(path)
                file.write(text)
    except BaseException:
        for path in written:
            with suppress(OSError):
                path.unlink()
        raise


def _next_version(migrations: Sequence[Migration], now: datetime, *, timestamp: bool) -> str:
    newest = migrations[-1].version if migrations else ""
    stamp = _STAMP.fullmatch(newest)
    if not (timestamp or stamp):
        return _next_number([migration.version for migration in migrations])
    underscore = stamp[1] if stamp else "_"
    version = now.strftime(f"%Y%m%d{underscore}%H%M%S")
    if newest and version_number(version) <= version_number(newest):
        raise ConfigError(
            f"the time stamp {version} is not newer than the newest migration, {migrations[-1].label}",
            hint="is this machine's clock right? A second later the stamp is another" if stamp else None,
        )
    return version


def version_after(newest: str, now: datetime) -> str:
    """Give the version behind the newest in its style: the next number as wide, or a stamp of `now` or just behind."""
    if not (stamp := _STAMP.fullmatch(newest)):
        return _next_number([newest])
    style = f"%Y%m%d{stamp[1]}%H%M%S"
    with suppress(ValueError):  # a stamp that is no time
        now = max(now, datetime.strptime(newest, style).replace(tzinfo=UTC) + timedelta(seconds=1))
    return now.strftime(style)


def _next_number(versions: Sequence[str]) -> str:
    newest = max(versions, key=version_number, default="0" * _NUMBER_WIDTH)
    return str(version_number(newest) + 1).zfill(len(newest.replace("_", "")))
