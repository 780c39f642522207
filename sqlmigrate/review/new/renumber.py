"""Moves new migrations behind the merged ones: both files of each, and all of them or none."""

from __future__ import annotations

import os
import shlex
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from itertools import pairwise
from pathlib import Path

from sqlmigrate.errors import ConfigError, Kind, gather
from sqlmigrate.files import folder, naming
from sqlmigrate.files.migration import Migration
from sqlmigrate.files.naming import version_number

from .git import NoRepositoryError
from .merged import added_to, is_merged_meanwhile, read

_MOST = 3  # shared versions for which commands are given

Moves = tuple[tuple[Path, Path], ...]


def renumber(directory: str, ref: str | None, environment: Mapping[str, str], now: datetime) -> Moves:
    """Move the new migrations behind the newest one at the tip of the base, in their order; return what was moved.

    Migrations that are behind it already stay. Two migrations with the same version, as a merge of the base leaves
    them, are not an error here.

    Args:
        directory: The folder.
        ref: A branch, tag or commit; None for the default branch of the upstream.
        environment: The environment variables of the process.
        now: The time for new time stamps, in UTC.

    Raises:
        ConfigError: Git cannot compare them, two merged ones have the same version, or a file is in the way. Its
            commands rename by hand where git does not know which one is new.
        MigrationError: The folder has other faults that are not merged.
    """
    migrations = folder.survey(directory, holds_data=True)
    try:
        base = read(directory, ref, environment)
    except NoRepositoryError as error:
        if not _shared(migrations):
            hint = "no two migrations have one version, so nothing has to be renamed"
            raise error.with_(hint=hint, next_steps=[]) from None
        raise _by_hand(f"{error.message}, so it is not known which migration is new", migrations, now) from None
    merged = {fault.message for side in (base.migrations, base.tip) for fault in side.faults}
    cured = (Kind.SHARED_VERSION, Kind.REPLACED)  # by another number
    faults = [each for each in migrations.faults if each.kind not in cured and each.message not in merged]
    if faults:
        raise gather(faults)
    own = [
        migration
        for migration in added_to(base, migrations)
        if not migration.replaces and not is_merged_meanwhile(base, migration)
    ]
    kept = [migration for migration in migrations if migration not in own]
    newest = max([*base.tip, *kept], key=lambda migration: migration.number, default=None)
    moves = _moves(own, newest.version if newest else "", now)
    if not moves and _shared(kept):
        message = "migrations with one version are merged already, so git does not tell which of them is new"
        raise _by_hand(message, migrations, now)
    _move(moves)
    return tuple(moves)


def _shared(migrations: Sequence[Migration]) -> list[Migration]:
    """Return the migrations whose version another one before them has."""
    return [later for earlier, later in pairwise(migrations) if earlier.number == later.number]


def _by_hand(message: str, migrations: Sequence[Migration], now: datetime) -> ConfigError:
    """Say how to rename by hand: only a history knows which of them is executed.

    A renamed migration is executed after all others. Many shared versions come from another tool, and their files
    depend on each other, so no command is given for them.
    """
    shared = _shared(migrations)
    if len(shared) > _MOST:
        versions = len({each.number for each in shared})
        hint = (
            f"{versions} versions are used more than once: give each pair of files its own version, in the order in "
            "which they have to be executed"
        )
        return ConfigError(message, hint=hint)
    newest = migrations[-1].version
    lines = [f"mv {shlex.quote(str(old))} {shlex.quote(str(new))}" for old, new in _moves(shared, newest, now)]
    hint = (
        "of two migrations with one version, rename the one that no database has executed (sqlmigrate log lists what "
        f"was executed). If that is {' and '.join(each.label for each in shared)}, and no later file needs it:"
    )
    return ConfigError(message, hint=hint, next_steps=lines)


def _moves(own: Sequence[Migration], newest: str, now: datetime) -> list[tuple[Path, Path]]:
    """Return old and new paths. No new version is below its old one: moved from last to first, none is in the way."""
    moves = []
    for migration in own:
        version = migration.version
        if newest and migration.number <= version_number(newest):
            version = naming.version_after(newest, now)
            paths = [Path(half.path) for half in (migration.up, migration.down) if half]
            moves += [(path, path.with_name(f"{version}_{migration.name}{_ending(path)}")) for path in paths]
        newest = version
    return moves


def _ending(path: Path) -> str:
    return "".join(path.suffixes[-2:])  # .up.sql or .down.sql


def _move(moves: Sequence[tuple[Path, Path]]) -> None:
    leaving = {source for source, _ in moves}
    for _, target in moves:
        if os.path.lexists(target) and target not in leaving:
            raise ConfigError(f"{target} exists already; nothing was moved", hint="move it out of the way")
    done: list[tuple[Path, Path]] = []
    try:
        for source, target in reversed(moves):
            source.rename(target)
            done.append((source, target))
    except BaseException as error:
        for old, moved in reversed(done):
            with suppress(OSError):
                moved.rename(old)
        if isinstance(error, OSError):
            raise ConfigError(f"{source} cannot be moved: {error.strerror}; nothing was moved") from None
        raise
