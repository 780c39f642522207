"""Finds the migrations to review: named files, pending ones, or those that git shows as new."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from sqlmigrate.cli.context import Context
from sqlmigrate.errors import gather
from sqlmigrate.review.rules.rule import Finding

if TYPE_CHECKING:
    from sqlmigrate.files.migration import Folder, Migration

    from .squashed import Squash


@dataclass(frozen=True)
class Subjects:
    """The migrations that are reviewed.

    Attributes:
        base: the name of the base: a branch, or a database
        base_migrations: the migrations of the base
        new: the new migrations
        findings: the findings that need no server
        squashes: the squashed migrations that are to be proven, with what they replace
        is_merged: whether the base is what git shows as merged: it is trusted, a file of the working tree is not
    """

    base: str
    base_migrations: tuple[Migration, ...]
    new: tuple[Migration, ...]
    findings: tuple[Finding, ...] = ()
    squashes: tuple[Squash, ...] = ()
    is_merged: bool = False


def find_subjects(context: Context, named: Sequence[str], ref: str | None) -> Subjects:
    """Return the migrations to review: those of the named files, the pending ones, or those not merged in `ref`."""
    from sqlmigrate.files import folder  # noqa: PLC0415

    directory = context.config.directory
    if named:
        migrations = folder.survey(directory, holds_data=True)
        chosen = _without_faults(_named(migrations, named))
        first = min(migration.number for migration in chosen)
        base = tuple(each for each in migrations if each.number < first)
        return _with_squashes(Subjects("the migrations with lower numbers", base, chosen), migrations)
    if context.flags.get("database_url"):
        return _pending(context, folder.survey(directory, holds_data=True))
    from . import merged  # noqa: PLC0415

    new = merged.find_new(directory, ref, context.environment)
    return Subjects(new.base.ref, new.base.migrations, new.migrations, new.findings, new.squashes, is_merged=True)


def _with_squashes(subjects: Subjects, migrations: Folder) -> Subjects:
    if not any(each.replaces for each in subjects.new):
        return subjects
    from .squashed import of_folder  # noqa: PLC0415

    squashes, findings = of_folder(migrations, subjects.new)
    return replace(subjects, squashes=squashes, findings=findings)


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


def _pending(context: Context, migrations: Folder) -> Subjects:
    from sqlmigrate.operations import status  # noqa: PLC0415

    with context.database() as url:
        planned = status.status(url, migrations, table=context.config.table)
    rows = planned.plan.rows
    executed = tuple(row.migration for row in rows if row.migration and row.is_executed)
    pending = _without_faults(tuple(row.migration for row in rows if row.migration and row.is_pending))
    return _with_squashes(Subjects(planned.state.server.where, executed, pending), migrations)


def _without_faults(migrations: tuple[Migration, ...]) -> tuple[Migration, ...]:
    """Return the migrations; raise `MigrationError` if some of them cannot be executed."""
    faults = dict.fromkeys(fault for each in migrations for fault in (*each.faults, *each.down_faults))
    if faults:
        raise gather(list(faults))
    return migrations
