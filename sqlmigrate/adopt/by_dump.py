"""The way for tools whose migrations are programs: the schema as it is becomes the first migration."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from dataclasses import dataclass

from sqlmigrate.errors import NOTHING_CHANGED, ConfigError
from sqlmigrate.history.surroundings import OtherHistory
from sqlmigrate.spelling import plural

from .foreign import Reading
from .tools.tool import InCode


@dataclass(frozen=True)
class Place:
    """The folder that would get the first migration, and the database that it would be a dump of.

    Attributes:
        directory: Our folder, with a slash at its end.
        has_files: Whether it has SQL files already.
        database: How the database is named in a shell, without its password; empty if libpq's variables name it.
    """

    directory: str
    has_files: bool
    database: tuple[str, ...]


def by_dump(reading: Reading | None, history: OtherHistory | None, code: InCode, place: Place) -> ConfigError:
    """Give the error that names the tool, and says which commands take the schema as it is."""
    tool = reading.tool if reading else history.tool if history else ""
    hint, commands = _compare(place) if place.has_files else _dump(tool, history, code, place)
    return ConfigError(
        f"migrations of {tool} are written in {code.language}: they cannot be converted to SQL files",
        detail=list(_found(reading, history)),
        state=NOTHING_CHANGED,
        hint=hint,
        next_steps=commands,
    )


def _dump(tool: str, history: OtherHistory | None, code: InCode, place: Place) -> tuple[str, list[str]]:
    excluded = [f"--exclude-table={table}" for table in (history.name if history else "", *code.tables) if table]
    dump = " ".join(["pg_dump --schema-only --no-owner --no-privileges", *excluded, *place.database])
    pending = f"execute first what is pending: {code.command}; then " if code.command else ""
    return (
        f"{pending}take the schema as it is for the first migration, without the tables of {tool}, and record it",
        [
            f"mkdir -p {shlex.quote(place.directory.rstrip('/'))}",
            f"{dump} > {shlex.quote(f'{place.directory}001_schema.up.sql')}",
            "sqlmigrate baseline 001",
        ],
    )


def _compare(place: Place) -> tuple[str, list[str]]:
    """Say what to do where there are files already: a dump would become another first migration among them."""
    return (
        f"{place.directory} has migrations already: compare the database with them, and record the last one it has",
        ["sqlmigrate drift --against files --to VERSION", "sqlmigrate baseline VERSION"],
    )


def _found(reading: Reading | None, history: OtherHistory | None) -> Iterator[str]:
    if reading:
        yield f"{reading.folder}/: {plural(len(reading.migrations), 'migration')}"
    if history:
        newest = f", the newest is {history.versions[-1]}" if history.versions else ""
        yield f"{history.table}: {len(history.versions)} executed{newest}"
