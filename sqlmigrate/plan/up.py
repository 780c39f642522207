"""The steps of `up`: what is pending, in order, read and checked."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING

from sqlmigrate.errors import MigrationError, SqlmigrateError, gather
from sqlmigrate.files.create import TEMPLATE_MARKS
from sqlmigrate.files.migration import Migration
from sqlmigrate.source import Source

from .checks import INSIDE, missing_error, out_of_order_error
from .plan import DEFAULT_SELECTION, Selection, Step
from .rows import Row, find_row

if TYPE_CHECKING:
    from sqlmigrate.parsing.script import Script
    from sqlmigrate.parsing.statement import Statement


def up_steps(
    rows: Sequence[Row],
    selection: Selection = DEFAULT_SELECTION,
    begun: Mapping[str, tuple[Statement, ...]] = MappingProxyType({}),
) -> tuple[Step, ...]:
    """Return the steps for the pending rows, in order; their files, up and down, are read and split here.

    `begun` holds the recorded statements of those that an earlier run has begun, by the version in the history.

    Raises `HistoryError` for missing files and for migrations out of order, `ConfigError` for an unknown version,
    `MigrationError` with every fault of every pending file. Edited files are not refused here: the caller does that,
    because their error needs texts from the history.
    """
    pending = [row for row in rows if row.is_pending]
    if selection.to is not None:
        limit = find_row(rows, selection.to).number
        pending = [row for row in pending if row.number <= limit]
    if selection.steps is not None:
        pending = pending[: selection.steps]
    if pending and (error := missing_error(rows, INSIDE)):
        raise error
    if not selection.out_of_order and (error := out_of_order_error(rows, pending)):
        raise error
    migrations = {row.migration: row for row in pending if row.migration}
    scripts = read_scripts(migrations)
    return tuple(
        Step(
            "up",
            migration.version,
            migration.label,
            script,
            migration,
            migrations[migration].execution,
            script.notes if script.statements else ("the file contains no statement",),
            begun.get(execution.version, ()) if (execution := migrations[migration].execution) else (),
        )
        for migration, script in zip(migrations, scripts, strict=True)
    )


def read_scripts(migrations: Iterable[Migration]) -> tuple[Script, ...]:
    """Split and check the files of migrations, up and down, and return the scripts of the up files.

    Raises `MigrationError` with every fault of every file: the first, with the rest in its `others`.
    """
    scripts: list[Script] = []
    errors: list[SqlmigrateError] = []
    for migration in migrations:
        for source in filter(None, (migration.up, migration.down)):
            try:
                script = read_script(source)
            except MigrationError as error:
                errors.append(error)
                continue
            errors += _unwritten(script)
            if source is migration.up:
                scripts.append(script)
                errors += _irreversible_with_down(migration, script)
    if errors:
        raise gather(errors)
    return tuple(scripts)


def read_script(source: Source) -> Script:
    """Split a source into statements and find out how to execute it; raises `MigrationError`."""
    from sqlmigrate.parsing.script import read  # noqa: PLC0415 - costs 10 ms, which looking does without

    return read(source)


def _unwritten(script: Script) -> list[SqlmigrateError]:
    """Refuse a template without SQL: after it was executed, the SQL could not be added any more."""
    if script.statements or not any(mark in script.source.text for mark in TEMPLATE_MARKS):
        return []
    message = f"{script.source.path} contains no SQL yet, only the template"
    return [MigrationError(message, hint="write its SQL, or delete the template's lines if it has nothing to do")]


def _irreversible_with_down(migration: Migration, script: Script) -> list[SqlmigrateError]:
    if migration.down is None or script.irreversible is None:
        return []
    span = next(directive.span for directive in script.directives if directive.name == "irreversible")
    message = f"the file says `irreversible`, but {migration.down.path} exists"
    return [MigrationError(message, span, hint="remove the directive or the down file")]
