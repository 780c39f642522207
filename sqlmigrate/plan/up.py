"""The steps of `up`: what is pending, in order, read and checked."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING

from sqlmigrate.errors import MigrationError, gather
from sqlmigrate.files.migration import Folder, Migration
from sqlmigrate.files.squashed import archive_faults
from sqlmigrate.files.without_sql import TEMPLATE_MARKS
from sqlmigrate.source import Source

from .checks import INSIDE, missing_error, out_of_order_error, renumbered_error
from .plan import DEFAULT_SELECTION, Selection, Step
from .rows import Row, find_row

if TYPE_CHECKING:
    from sqlmigrate.parsing.script import Script
    from sqlmigrate.parsing.statement import Statement

_CHECKED = "checked"  # what is kept in the memory of a migration


def up_steps(
    rows: Sequence[Row],
    selection: Selection = DEFAULT_SELECTION,
    begun: Mapping[str, tuple[Statement, ...]] = MappingProxyType({}),
) -> tuple[Step, ...]:
    """Return the steps for the pending rows, in order; their files, up and down, are read and split here.

    `begun` holds the recorded statements of those that an earlier run has begun, by the version in the history.

    Raises `HistoryError` for missing files and for migrations out of order, `ConfigError` for an unknown version,
    `MigrationError` with every fault of every pending file if an up file has one; first for a name or a version that is
    not what it looks like, because that would also make the history look wrong. A down file is not executed now, so
    its faults alone stop nothing: the step has them. Edited files are not refused here: the caller does that, because
    their error needs texts from the history.
    """
    pending = [row for row in rows if row.is_pending]
    if selection.to is not None:
        limit = find_row(rows, selection.to).number
        pending = [row for row in pending if row.number <= limit]
    if selection.steps is not None:
        pending = pending[: selection.steps]
    if any(fault.kind for row in pending if row.migration for fault in row.migration.faults):
        raise gather(_all_faults(_read(row.migration) for row in pending if row.migration))
    if pending and (error := renumbered_error(rows) or missing_error(rows, INSIDE)):
        raise error
    if not selection.out_of_order and (error := out_of_order_error(rows, pending)):
        raise error
    read = [(row, _read(row.migration)) for row in pending if row.migration]
    if any(checked.of_up for _, checked in read):
        raise gather(_all_faults(checked for _, checked in read))
    return tuple(_step(row, checked, begun) for row, checked in read)


def _step(row: Row, checked: _Checked, begun: Mapping[str, tuple[Statement, ...]]) -> Step:
    script, migration = checked.script, row.migration
    if script is None or migration is None:
        raise AssertionError("a pending migration without faults has a script")
    notes = script.notes if script.statements else ("the file contains no statement",)
    statements = begun.get(row.execution.version, ()) if row.execution else ()
    return Step(
        "up",
        migration.version,
        migration.label,
        script,
        migration,
        row.execution,
        notes,
        statements,
        checked.of_down,
    )


def faults_of_pending(rows: Iterable[Row]) -> tuple[MigrationError, ...]:
    """Return the faults in the texts of all pending files, up and down; those of their names are known already."""
    migrations = [row.migration for row in rows if row.is_pending and row.migration]
    known = {fault for each in migrations for fault in (*each.faults, *each.down_faults)}
    return tuple(fault for fault in _all_faults(map(_read, migrations)) if fault not in known)


def read_scripts(migrations: Iterable[Migration]) -> tuple[Script, ...]:
    """Split and check the files of migrations, up and down, and return the scripts of the up files.

    Raises `MigrationError` with every fault of every file: the first, with the rest in its `others`.
    """
    read = [_read(migration) for migration in migrations]
    if faults := _all_faults(read):
        raise gather(faults)
    return tuple(checked.script for checked in read if checked.script)


def faults_in(migrations: Iterable[Migration]) -> list[MigrationError]:
    """Return every fault of every file, up and down."""
    return _all_faults(map(_read, migrations))


def faults_of(migrations: Folder, executed: Collection[Migration] = ()) -> list[MigrationError]:
    """Return the faults of a folder: of its names and its archive, of every file but those in `executed`."""
    settled = {id(fault) for each in executed for fault in (*each.faults, *each.down_faults)}
    own = {id(each) for each in executed}
    of_names = (fault for fault in migrations.faults if id(fault) not in settled)
    of_files = faults_in(each for each in migrations if id(each) not in own)
    return list(dict.fromkeys([*of_names, *of_files, *archive_faults(migrations)]))


@dataclass(frozen=True)
class _Checked:
    """A migration whose files are read: the script of its up file, and the faults of both."""

    script: Script | None
    of_up: tuple[MigrationError, ...]
    of_down: tuple[MigrationError, ...]


def _all_faults(read: Iterable[_Checked]) -> list[MigrationError]:
    """Return all faults once: two files of one version share theirs."""
    return list(dict.fromkeys(fault for checked in read for fault in (*checked.of_up, *checked.of_down)))


def _read(migration: Migration) -> _Checked:
    if migration.memory is None:
        return _read_now(migration)
    if _CHECKED not in migration.memory:
        migration.memory[_CHECKED] = _read_now(migration)
    checked: _Checked = migration.memory[_CHECKED]
    return checked


def _read_now(migration: Migration) -> _Checked:
    script, of_up, of_down = None, list(migration.faults), list(migration.down_faults)
    if all(fault.kind is not None for fault in migration.faults):  # its bytes are a text
        script, errors = _checked(migration.up)
        of_up += errors
        of_up += _irreversible_with_down(migration, script) if script else []
    if migration.down and not of_down:
        of_down = _checked(migration.down)[1]
    return _Checked(script, tuple(of_up), tuple(of_down))


def _checked(source: Source) -> tuple[Script | None, list[MigrationError]]:
    try:
        script = read_script(source)
    except MigrationError as error:
        return None, [error.with_(others=()), *(each for each in error.others if isinstance(each, MigrationError))]
    return script, unwritten_faults(script)


def read_script(source: Source) -> Script:
    """Split a source into statements and find out how to execute it; raises `MigrationError`."""
    from sqlmigrate.parsing.script import read  # noqa: PLC0415 - costs 10 ms, which looking does without

    return read(source)


def unwritten_faults(script: Script) -> list[MigrationError]:
    """Refuse a template without SQL: after it was executed, the SQL could not be added any more."""
    if script.statements or not any(mark in script.source.text for mark in TEMPLATE_MARKS):
        return []
    message = f"{script.source.path} contains no SQL yet, only the template"
    return [MigrationError(message, hint="write its SQL, or delete the template's lines if it has nothing to do")]


def _irreversible_with_down(migration: Migration, script: Script) -> list[MigrationError]:
    if migration.down is None or script.irreversible is None:
        return []
    span = next(directive.span for directive in script.directives if directive.name == "irreversible")
    message = f"the file says `irreversible`, but {migration.down.path} exists"
    return [MigrationError(message, span, hint="remove the directive or the down file")]
