"""Puts a squashed migration into the folder, and what it replaces into the archive.

Whoever is killed in the middle loses no file: each replaced file is in the archive before the squashed one appears, and
leaves the folder after that. A second call does the rest.
"""

from __future__ import annotations

import filecmp
import shutil
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from sqlmigrate.errors import NOTHING_CHANGED, ConfigError
from sqlmigrate.files.migration import Folder, Migration
from sqlmigrate.files.replaces import ARCHIVE
from sqlmigrate.files.whole import begun, begun_path, place, write_whole
from sqlmigrate.plan.rows import named_version
from sqlmigrate.spelling import plural

_LONGEST_NAME = 255  # bytes, in every usual file system


def require_free(squashed: Migration, replaced: Sequence[Migration]) -> None:
    """Raise `ConfigError` if a file to be written exists, or the archive has another file of the same name."""
    for source in filter(None, (squashed.up, squashed.down)):
        if (path := Path(source.path)).exists() and path.read_bytes() != source.text.encode():
            raise ConfigError(
                f"{path} exists",
                state=NOTHING_CHANGED,
                hint="choose another name for the squash; or delete this file, if an interrupted squash left it",
            )
    _require_same(path for each in replaced for path in _paths(each))


def require_short(version: str, name: str) -> None:
    """Raise `ConfigError` if the names of the files, or of those that they are written to first, are too long."""
    longest = begun_path(Path(f"{version}_{name}.down.sql")).name
    if (over := len(longest.encode()) - _LONGEST_NAME) > 0:
        raise ConfigError(
            f"the name is too long for a file, by {plural(over, 'byte')}", state=NOTHING_CHANGED, hint="shorten NAME"
        )


def begun_moves(migrations: Folder, version: str) -> tuple[Migration, list[Migration]] | None:
    """Return the squashed migration of a version, and what it replaces and is in the folder; None if nothing.

    That is what a squash leaves that was killed while it moved the files.
    """
    number = named_version(version)
    for squashed in migrations:
        if squashed.number == number and squashed.replaces:
            listed = {each.label: each for each in squashed.replaces.listed}
            left = [each for each in migrations if each.label in listed]
            edited = [each for each in left if not listed[each.label].is_text(each.checksum)]
            if edited:
                raise ConfigError(
                    f"{edited[0].up.path} is not the text that was squashed into {squashed.label}",
                    state=NOTHING_CHANGED,
                    hint="take back the text that was squashed, or rename it to a version after the newest",
                )
            if left:
                return squashed, left
    return None


def finish(squashed: Migration, left: Sequence[Migration]) -> tuple[Migration, list[Migration]]:
    """Move what is still in the folder into the archive; raises `ConfigError` if another file is there."""
    _require_same(path for each in left for path in _paths(each))
    write(squashed, left)
    return squashed, list(left)


def _require_same(paths: Iterable[Path]) -> None:
    """Raise `ConfigError` if the archive has another file of one of these names."""
    for path in paths:
        target = _archived(path)
        if target.exists() and not filecmp.cmp(path, target, shallow=False):
            raise ConfigError(
                f"{target} exists, and is not the file that would be moved there",
                state=NOTHING_CHANGED,
                hint=f"compare it with {path}, and remove or rename it",
            )


def write(squashed: Migration, replaced: Sequence[Migration]) -> None:
    """Write the pair, and move what it replaces; raises `ConfigError` if that is not possible."""
    paths = [path for each in replaced for path in _paths(each)]
    try:
        for path in paths:
            _copy(path, _archived(path))
        for source in filter(None, (squashed.down, squashed.up)):
            if not Path(source.path).exists():
                write_whole(Path(source.path), source.text)
        for path in paths:
            path.unlink()
    except OSError as error:
        raise ConfigError(
            f"{error.filename} cannot be written: {error.strerror}",
            state="no file is lost: each one is in the folder or in the archive",
            hint="give the user who runs sqlmigrate the right to write there, or free space; then squash again",
        ) from None


def _paths(migration: Migration) -> Iterator[Path]:
    """Yield the files; the down file first: it must not be in the folder without its up file."""
    yield from (Path(source.path) for source in (migration.down, migration.up) if source)


def _archived(path: Path) -> Path:
    return path.parent / ARCHIVE / path.name


def _copy(path: Path, target: Path) -> None:
    """Put a file into the archive as well, whole or not at all; one that is there already stays."""
    if target.exists():
        return
    target.parent.mkdir(exist_ok=True)
    with begun(target) as copy:
        shutil.copy2(path, copy)
        place(copy, target)
