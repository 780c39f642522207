"""Files without SQL: down files that would undo nothing, and templates that nothing was written into."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from sqlmigrate.errors import MigrationError

from .migration import Migration

TEMPLATE_MARKS = (
    "-- This file runs in one transaction, together with its row",
    "-- Undo the statements of the up file",
    "-- Executed in one transaction, together with its row",  # in up files from before the words were changed
)
"""Texts by which a file is recognised that is unchanged since it was created."""
WRITE_DOWN = (
    "write the SQL that undoes it, or `select 1;` if there is nothing to undo; "
    "if it cannot be undone, delete the down file"
)
"""What to do with a down file that contains no SQL."""
_SHOWN = 3


def without_sql(migrations: Iterable[Migration]) -> Iterator[MigrationError]:
    """Yield one note on all down files that contain no SQL. Those with a template are a fault already."""
    files = [each.down for each in migrations if each.down and not each.down_faults]
    files = [file for file in files if not file.text[:1].isalpha()]  # most begin with SQL
    if not files:
        return
    from sqlmigrate.parsing.comments import has_sql  # noqa: PLC0415 - only where a folder is read

    empty = [file for file in files if not has_sql(file.text) and not any(mark in file.text for mark in TEMPLATE_MARKS)]
    if len(empty) == 1:
        yield MigrationError(f"{empty[0].path} contains no SQL, so `down` refuses it", hint=WRITE_DOWN)
    elif empty:
        more = f" and {len(empty) - _SHOWN:,} more" if len(empty) > _SHOWN else ""
        paths = ", ".join(file.path for file in empty[:_SHOWN])
        yield MigrationError(
            f"{len(empty):,} down files contain no SQL, so `down` refuses them: {paths}{more}", hint=WRITE_DOWN
        )
