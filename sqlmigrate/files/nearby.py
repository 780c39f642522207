"""Looks for migrations near a folder that has none, so that the error can name the right folder."""

from __future__ import annotations

import itertools
import os
import shlex
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

from .naming import FILE_NAME

# Folders in which projects and other tools keep migrations.
_USUAL = ("sql", "migrations", "db/migrations", "db/migrate", "database/migrations", "sql/migrations", "db")
# Folders in which tools keep migrations that are no pairs of files.
_FOREIGN = (
    "db/migrations", "db/migrate", "db/migration", "migrations", "sql/migrations", "database/migrations",
    "supabase/migrations", "src/main/resources/db/migration", "src/migrations", "changelog", "db/changelog", "alembic",
)  # fmt: skip
_PLANS = ("sqitch.plan", "sqitch/sqitch.plan", "db/sqitch.plan")
_ENDINGS = (".sql", ".py", ".rb", ".xml", ".yaml", ".yml")
_FOLDERS = 50  # looked at in one of them
_FOLDERS_ABOVE = 3


def nearby_folder(directory: str) -> str | None:
    """Return the nearest folder with migrations, as a path from the current folder; None if there is none.

    Looked at are the folders inside `directory`, the current folder, and the usual places in it and above it.
    """
    wrong = os.path.realpath(directory)
    for folder in _candidates(directory):
        if os.path.realpath(folder) != wrong and _has_migrations(folder):
            return os.path.relpath(folder)
    return None


def where_it_was_looked_for(directory: str) -> list[str]:
    """Return the lines of an error about a folder without migrations: its absolute path, and where there are some."""
    lines = [f"looked {'in' if Path(directory).is_dir() else 'for'} {Path(directory).absolute()}"]
    nearby = nearby_folder(directory)
    if nearby == os.curdir:
        return [*lines, "there are migrations in the current folder"]
    return [*lines, f"there are migrations in {nearby}"] if nearby else lines


def way_to_migrations(directory: str) -> tuple[str, list[str]] | None:
    """Return a hint and the next commands that lead to the migrations near a wrong folder; None if there are none."""
    nearby = nearby_folder(directory)
    if nearby is None:
        return _way_from_another_tool(directory)
    command = f"sqlmigrate status --directory {shlex.quote(nearby)}"
    if nearby == os.curdir and os.path.realpath(os.path.join(os.pardir, directory)) == str(Path.cwd()):  # noqa: PTH118
        # Not `--directory .`: in this folder the embedded database would be another one, and empty.
        return "you are inside the folder of migrations: leave it", ["cd .."]
    return "name the folder of the migrations with --directory", [command]


def can_adopt() -> bool:
    """Return whether there is a command `adopt`: it is a room, which can be removed."""
    return find_spec("sqlmigrate.adopt") is not None


def adopting(directory: str) -> str:
    """Return the command that takes over the files of another tool in a folder that was given as ours."""
    folder = directory.rstrip("/") or "/"
    own = "migrations" if Path(folder).name == "sql" else "sql"
    return f"sqlmigrate --directory {own} adopt --from {shlex.quote(folder)}"


def _way_from_another_tool(directory: str) -> tuple[str, list[str]] | None:
    """Return a hint and the command for files that look like those of another tool; None if there are none."""
    if not can_adopt():
        return None
    plan = next((Path(name) for name in _PLANS if Path(name).is_file()), None)
    if plan:
        return f"`{plan}` belongs to Sqitch: see what can be taken over", ["sqlmigrate adopt"]
    own = os.path.realpath(directory)
    for folder in _FOREIGN:
        if os.path.realpath(folder) != own and _has_files(Path(folder)):
            return (
                f"the files in `{folder}` look like those of another tool: see what can be taken over",
                [f"sqlmigrate adopt --from {shlex.quote(folder)}"],
            )
    return None


def _has_files(folder: Path) -> bool:
    """Return whether a folder, or a folder in it, holds files of SQL, or of programs that write it."""
    walked = itertools.islice(os.walk(folder), _FOLDERS)  # a folder that cannot be read is left out
    return any(name.endswith(_ENDINGS) for _, _, names in walked for name in names)


def _candidates(directory: str) -> Iterator[Path]:
    if Path(directory).is_dir():
        yield from sorted(path for path in Path(directory).iterdir() if path.is_dir())
    here = Path.cwd()
    yield here
    for base in (here, *here.parents[:_FOLDERS_ABOVE]):
        yield from (base / name for name in _USUAL)


def _has_migrations(folder: Path) -> bool:
    try:
        return any(FILE_NAME.fullmatch(name) for name in os.listdir(folder))  # noqa: PTH208 - the names are enough
    except OSError:  # not there, or not readable
        return False
