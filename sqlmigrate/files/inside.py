"""Notes on folders inside the folder of migrations: only the files of the folder itself are read."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from contextlib import suppress

from sqlmigrate.errors import MigrationError
from sqlmigrate.spelling import plural

from .naming import FILE_NAME, own_name

_DEEPEST = 3  # folders in folders
_NUMBERED = re.compile(r"[VvUu]?[0-9]+[._-].*\.sql", re.DOTALL)
_NUMBERED_FOLDER = re.compile(r"[0-9][0-9_-]*[0-9]_.+", re.DOTALL)
# A migration is a folder there. https://diesel.rs/guides/getting-started,
# https://www.prisma.io/docs/orm/prisma-migrate/understanding-prisma-migrate/migration-histories
_LAYOUTS = (("Diesel", "up.sql"), ("Prisma", "migration.sql"))


def folders_inside(prefix: str, folders: Sequence[str]) -> Iterator[MigrationError]:
    """Yield a note on the migrations in `folders`, which are in the folder `prefix` and are not read."""
    laid_out: dict[str, list[str]] = {}
    for folder in folders:
        if layout := _layout(prefix, folder):
            laid_out.setdefault(layout, []).append(folder)
        elif found := _migrations(prefix + folder):
            yield _holds(prefix + folder, found)
    for tool, file in _LAYOUTS:
        if tool in laid_out:
            yield _one_folder_each(prefix, tool, file, laid_out[tool])


def _layout(prefix: str, folder: str) -> str | None:
    """Return the tool that has a folder for each migration; None if this folder is not one of these."""
    if not _NUMBERED_FOLDER.fullmatch(folder):
        return None
    return next((tool for tool, file in _LAYOUTS if os.path.isfile(f"{prefix}{folder}/{file}")), None)  # noqa: PTH113


def _migrations(folder: str) -> list[str]:
    """Return the paths of files in a folder, and in those inside it, that are named as migrations."""
    found: list[str] = []
    for at, inner, names in os.walk(folder):
        depth = at[len(folder) :].count(os.sep)
        inner[:] = sorted(name for name in inner if name[0] != "." and depth < _DEEPEST)
        found += [f"{at}/{name}" for name in sorted(names) if FILE_NAME.fullmatch(name) or _NUMBERED.fullmatch(name)]
        found += [f"{at}/{name}/{file}" for name in inner for _, file in _LAYOUTS if _has(at, name, file)]
    return found


def _has(at: str, name: str, file: str) -> bool:
    with suppress(OSError):
        return _NUMBERED_FOLDER.fullmatch(name) is not None and os.path.isfile(f"{at}/{name}/{file}")  # noqa: PTH113
    return False


def _holds(folder: str, found: Sequence[str]) -> MigrationError:
    count = f"{plural(len(found), 'file')} named as {'migrations' if len(found) > 1 else 'a migration'}"
    itself = folder.rpartition("/")[0] + "/"
    holder = os.path.commonpath([os.path.dirname(path) for path in found])  # noqa: PTH120
    return MigrationError(
        f"{folder}/ holds {count}: only {itself} itself is read",
        hint=f"move them to {itself}, or name their folder: --directory {holder}",
    )


def interrupted_squash(folder: str) -> MigrationError:
    """Return the note on the copies that a squash has left in the archive, before the squashed file was written."""
    return MigrationError(
        f"{folder}/ has copies of migrations, and no squashed migration is here: a squash was interrupted",
        hint=f"squash again, or delete {folder}/",
    )


def _one_folder_each(prefix: str, tool: str, file: str, folders: Sequence[str]) -> MigrationError:
    count = plural(len(folders), "migration")
    down = ", and down.sql likewise" if tool == "Diesel" else ""
    return MigrationError(
        f"{prefix} holds {count} laid out as {tool} does, a folder each: only files of {prefix} itself are read",
        hint=f"move {prefix}{folders[0]}/{file} to {prefix}{own_name(folders[0])}.up.sql{down}",
    )
