"""The way for tools whose migrations are programs: the schema as it is becomes the first migration."""

from __future__ import annotations

import shlex
from collections.abc import Iterator

from sqlmigrate.errors import NOTHING_CHANGED, ConfigError
from sqlmigrate.history.surroundings import OtherHistory
from sqlmigrate.spelling import plural

from .foreign import Reading
from .tools.tool import InCode


def by_dump(reading: Reading | None, history: OtherHistory | None, code: InCode, directory: str) -> ConfigError:
    """Give the error that names the tool, and says which commands take the schema as it is."""
    tool = reading.tool if reading else history.tool if history else ""
    excluded = [f"--exclude-table={table}" for table in (history.name if history else "", *code.tables) if table]
    dump = f'{" ".join(["pg_dump --schema-only --no-owner --no-privileges", *excluded])} "$DATABASE_URL"'
    pending = f"execute first what is pending: {code.command}; then " if code.command else ""
    return ConfigError(
        f"migrations of {tool} are written in {code.language}: they cannot be converted to SQL files",
        detail=list(_found(reading, history)),
        state=NOTHING_CHANGED,
        hint=f"{pending}take the schema as it is for the first migration, without the tables of {tool}, and record it",
        next_steps=[
            f"mkdir -p {shlex.quote(directory.rstrip('/'))}",
            f"{dump} > {shlex.quote(f'{directory}001_schema.up.sql')}",
            "sqlmigrate baseline 001",
        ],
    )


def _found(reading: Reading | None, history: OtherHistory | None) -> Iterator[str]:
    if reading:
        yield f"{reading.folder}/: {plural(len(reading.migrations), 'migration')}"
    if history:
        newest = f", the newest is {history.versions[-1]}" if history.versions else ""
        yield f"{history.table}: {len(history.versions)} executed{newest}"
