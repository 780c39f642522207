"""Missing down files of a project that writes none: said once for the whole review, not for each file."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from sqlmigrate.files.migration import Migration
from sqlmigrate.review.results import Reviewed
from sqlmigrate.review.rules.down import DOWN_MISSING
from sqlmigrate.review.rules.rule import Finding
from sqlmigrate.spelling import plural

_FEW = 3  # migrations that show no habit yet
_IRREVERSIBLE = re.compile(r"^\s*--\s*sqlmigrate:\s*irreversible\b", re.MULTILINE)


def tell_once(
    reviewed: Sequence[Reviewed], merged: Sequence[Migration]
) -> tuple[tuple[Reviewed, ...], tuple[Finding, ...]]:
    """Replace the findings of missing down files by one note, if most merged migrations have no down file either.

    Findings that the files allow stay.

    Args:
        reviewed: The new migrations, with their findings.
        merged: The migrations of the base.
    """
    lacking = [each for each in reviewed if any(map(_is_open, each.findings))]
    without = sum(map(_has_no_way_back, merged))
    has_habit = 2 * without > len(merged) if len(merged) >= _FEW else _has_none([*merged, *_migrations(reviewed)])
    if not lacking or not has_habit:
        return tuple(reviewed), ()
    message = f"{plural(len(lacking), 'new migration')} without a down file"
    if merged:
        message += (
            f"; {without:,} of {plural(len(merged), 'merged migration')} {'has' if without == 1 else 'have'} none"
        )
    note = Finding(
        DOWN_MISSING,
        "note",
        message,
        path=lacking[0].migration.up.path,
        what_now="if this is intended, nothing has to be done",
        has_example=False,
        objects=tuple(each.migration.label for each in lacking),
    )
    rest = (
        replace(each, findings=tuple(finding for finding in each.findings if not _is_open(finding)))
        for each in reviewed
    )
    return tuple(rest), (note,)


def _is_open(finding: Finding) -> bool:
    return finding.rule is DOWN_MISSING and finding.severity == DOWN_MISSING.severity and finding.allowed is None


def _has_no_way_back(migration: Migration) -> bool:
    """Return whether a migration has no down file and does not say that it is irreversible."""
    return migration.down is None and not _IRREVERSIBLE.search(migration.up.text)


def _has_none(migrations: Sequence[Migration]) -> bool:
    """Return whether several migrations have not one down file."""
    return len(migrations) >= _FEW and all(map(_has_no_way_back, migrations))


def _migrations(reviewed: Sequence[Reviewed]) -> list[Migration]:
    return [each.migration for each in reviewed]
