"""The steps of `up`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from sqlmigrate.errors import MigrationError, SqlmigrateError, gather
from sqlmigrate.files.create import TEMPLATE_MARKS
from sqlmigrate.files.migration import Migration
from sqlmigrate.source import Source

from .checks import refuse_missing, refuse_out_of_order
from .plan import DEFAULT_SELECTION, Selection, Step
from .rows import Row, find

if TYPE_CHECKING:
    from sqlmigrate.parsing.script import Script
    from sqlmigrate.parsing.statement import Statement


def up_steps(rows: Sequence[Row], selection: Selection = DEFAULT_SELECTION) -> tuple[Step, ...]:
    """Plan what is pending, in order; every script is read and split here, up and down, before anything is executed.

    Raises `HistoryError` for what is missing or out of order, `ConfigError` for a version nobody knows,
    `MigrationError` with every fault of every pending file. Changed files are `changed_rows`: their error wants the
    recorded text.
    """
    pending = [row for row in rows if row.is_pending]
    if selection.to is not None:
        limit = find(rows, selection.to).number
        pending = [row for row in pending if row.number <= limit]
    if selection.steps is not None:
        pending = pending[: selection.steps]
    if pending:
        refuse_missing(rows)
    if not selection.out_of_order:
        refuse_out_of_order(rows, pending)
    migrations = {row.migration: row for row in pending if row.migration}
    scripts = read_all(migrations)
    return tuple(
        Step(
            "up",
            migration.version,
            migration.label,
            script,
            migration,
            migrations[migration].execution,
            () if script.statements else ("the file holds no statement",),
        )
        for migration, script in zip(migrations, scripts, strict=True)
    )


def read_all(migrations: Iterable[Migration]) -> tuple[Script, ...]:
    """Split and check the files of migrations, up and down, and give the scripts of the up files.

    Raises `MigrationError` with every fault of every file, the first with the rest in its `others`.
    """
    scripts: list[Script] = []
    errors: list[SqlmigrateError] = []
    for migration in migrations:
        for source in filter(None, (migration.up, migration.down)):
            try:
                script = read(source)
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


def read(source: Source) -> Script:
    """Split a source and find out how it is to be executed; raises `MigrationError`."""
    from sqlmigrate.parsing.script import read  # noqa: PLC0415 - costs 10 ms, which looking does without

    return read(source)


def _unwritten(script: Script) -> list[SqlmigrateError]:
    """Refuse a template that nobody has written SQL into: executed, it could not be changed any more."""
    if script.statements or not any(mark in script.source.text for mark in TEMPLATE_MARKS):
        return []
    message = f"{script.source.path} is still as `create` made it, without a statement"
    return [MigrationError(message, hint="write its SQL; or remove the template's lines, if it is to do nothing")]


def _irreversible_with_down(migration: Migration, script: Script) -> list[SqlmigrateError]:
    if migration.down is None or script.irreversible is None:
        return []
    span = next(directive.span for directive in script.directives if directive.name == "irreversible")
    return [MigrationError(f"irreversible, and there is {migration.down.path}", span, hint="remove one of the two")]


def read_text(label: str, text: str) -> tuple[Statement, ...]:
    """Give the statements of a text that the history has recorded for `label`."""
    return read(Source(f"history of {label}", text)).statements
