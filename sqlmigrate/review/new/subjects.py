"""Finds the migrations to review: named files, pending ones, or those that git shows as new."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlmigrate.cli.context import Context
from sqlmigrate.errors import gather
from sqlmigrate.review.rules.rule import Finding

if TYPE_CHECKING:
    from sqlmigrate.files.migration import Migration


@dataclass(frozen=True)
class Subjects:
    """The migrations that are reviewed.

    Attributes:
        base: the name of the base: a branch, or a database
        base_migrations: the migrations of the base
        new: the new migrations
        findings: the findings that need no server
        is_merged: whether the base is what git shows as merged: it is trusted, a file of the working tree is not
    """

    base: str
    base_migrations: tuple[Migration, ...]
    new: tuple[Migration, ...]
    findings: tuple[Finding, ...] = ()
    is_merged: bool = False


def find_subjects(context: Context, named: Sequence[str], ref: str | None) -> Subjects:
    """Return the migrations to review: those of the named files, the pending ones, or those not merged in `ref`."""
    from sqlmigrate.files import folder  # noqa: PLC0415

    directory = context.config.directory
    if named:
        migrations = folder.survey(directory)
        chosen = _without_faults(_named(migrations, named))
        first = min(migration.number for migration in chosen)
        return Subjects("the migrations with lower numbers", tuple(m for m in migrations if m.number < first), chosen)
    if context.flags.get("database_url"):
        return _pending(context, folder.survey(directory))
    from . import merged  # noqa: PLC0415

    new = merged.find_new(directory, ref, context.environment)
    return Subjects(new.base.ref, new.base.migrations, new.migrations, new.findings, is_merged=True)


def _named(migrations: Sequence[Migration], names: Sequence[str]) -> tuple[Migration, ...]:
    """Return the migrations that are named by path, file name, label or version: ``3`` is ``003``."""
    from sqlmigrate.plan.rows import find_row, make_rows  # noqa: PLC0415

    rows = make_rows(migrations, ())
    chosen: dict[Migration, None] = {}
    for name in names:
        wanted = find_row(rows, name).label
        found = [each for each in migrations if each.label == wanted]
        chosen.update(dict.fromkeys(found))
    return tuple(sorted(chosen, key=lambda migration: migration.number))


def _pending(context: Context, migrations: Sequence[Migration]) -> Subjects:
    from sqlmigrate.operations import status  # noqa: PLC0415

    with context.database() as url:
        planned = status.status(url, migrations, table=context.config.table)
    rows = planned.plan.rows
    return Subjects(
        planned.state.server.where,
        tuple(row.migration for row in rows if row.migration and row.is_executed),
        _without_faults(tuple(row.migration for row in rows if row.migration and row.is_pending)),
    )


def _without_faults(migrations: tuple[Migration, ...]) -> tuple[Migration, ...]:
    """Return the migrations; raise `MigrationError` if some of them cannot be executed."""
    faults = dict.fromkeys(fault for each in migrations for fault in (*each.faults, *each.down_faults))
    if faults:
        raise gather(list(faults))
    return migrations
