"""Notes of `up`, `down` and `status`: faults that do not stop them, because they concern nothing that is executed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from sqlmigrate.errors import Kind, MigrationError, SqlmigrateError
from sqlmigrate.files.migration import Folder, Migration

from .checks import INSIDE, UNFINISHED, missing_error
from .plan import Step
from .rows import Row


def notes_on(
    migrations: Sequence[Migration], rows: Sequence[Row], steps: Sequence[Step] = ()
) -> tuple[MigrationError, ...]:
    """Return the notes on a folder and on the steps of a run: faults that stop nothing, and what else is to be known.

    A sequence that is not a `Folder` has only the faults of its migrations.
    """
    if isinstance(migrations, Folder):
        faults, notes = migrations.faults, migrations.notes
    else:
        faults, notes = tuple(fault for each in migrations for fault in (*each.faults, *each.down_faults)), ()
    of_steps = (fault for step in steps for fault in step.down_faults)
    return tuple(dict.fromkeys((*_settled(faults, rows), *of_steps, *notes)))


def missing_notes(rows: Sequence[Row]) -> tuple[SqlmigrateError, ...]:
    """Return the note on missing files that do not stop an `up`, because it has nothing to execute."""
    errors = (missing_error(rows, kind) for kind in (INSIDE, UNFINISHED))
    return tuple(error.with_(hint=None, state=None) for error in errors if error)


def _settled(faults: Sequence[MigrationError], rows: Sequence[Row]) -> Iterator[MigrationError]:
    """Yield the faults; without the hint where it would have something executed again.

    If both files of a version are executed, or declared by a baseline, a new version would make one of them pending.
    """
    pending = {fault for row in rows if row.is_pending and row.migration for fault in row.migration.faults}
    for fault in faults:
        is_done = fault.kind in (Kind.SHARED_VERSION, Kind.FOREIGN_STAMP) and fault not in pending
        yield fault.with_(hint=None, next_steps=()) if is_done else fault
