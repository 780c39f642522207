"""The error for files that were edited after they were executed, with a diff."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping, Sequence

from sqlmigrate.errors import NOTHING_EXECUTED_BY_THIS_RUN, HistoryError
from sqlmigrate.files.migration import Migration
from sqlmigrate.history.state import Execution

from . import checks
from .rows import Row

_ALIKE = 0.6  # of a text; below, it is not the same migration


def changed_error(changed: Sequence[Row], executed_texts: Mapping[str, str | None]) -> HistoryError:
    """Make the error for files that differ from what was executed, saying what kind of change it is.

    `executed_texts` are the up texts that the history has recorded, by version.
    """
    errors = [
        _changed(row.migration, row.execution, executed_texts.get(row.execution.version) or "")
        for row in changed
        if row.migration and row.execution
    ]
    return errors[0].with_(others=errors[1:])


def _changed(migration: Migration, execution: Execution, executed: str) -> HistoryError:
    when = f"executed by {execution.executed_by} on {checks.moment(execution.executed_at)} UTC"
    span, repair = migration.up.span(0, 0), f"sqlmigrate repair {migration.version}"
    renamed = f"executed as {execution.label}, and renamed since" if execution.name != migration.name else ""
    if execution.checksum == migration.checksum:
        return HistoryError(
            f"{migration.label}: {renamed}",
            span,
            detail=[when],
            state=NOTHING_EXECUTED_BY_THIS_RUN,
            hint="rename it back; or accept the name as it is now",
            next_steps=[*_moves(migration, execution), f"or: {repair}"],
        )
    from sqlmigrate.files import compare  # noqa: PLC0415 - only for an error

    if renamed and not _is_alike(executed, migration.up.text):
        return HistoryError(
            f"{migration.label}: the number was executed as another migration, {execution.label}",
            span,
            detail=[when],
            state=NOTHING_EXECUTED_BY_THIS_RUN,
            hint="give this one a number of its own; where files were renumbered, take the old ones back first, "
            "with the files as they were",
        )
    what = f"the file is not what was executed: {compare.what_changed(executed, migration.up.text)} changed"
    return HistoryError(
        f"{migration.label}: {renamed}; {what}" if renamed else f"{migration.label}: {what}",
        span,
        detail=[when, *compare.diff(executed, migration.up.text)],
        state=NOTHING_EXECUTED_BY_THIS_RUN,
        hint="put the file back and write the change as a new migration; or accept the file as it is now",
        next_steps=[repair],
    )


def _is_alike(executed: str, now: str) -> bool:
    """Tell whether a text has become another by editing, rather than in its place."""
    from difflib import SequenceMatcher  # noqa: PLC0415 - only for an error

    return SequenceMatcher(None, executed, now).ratio() >= _ALIKE


def _moves(migration: Migration, execution: Execution) -> Iterator[str]:
    """Give the commands that rename the files of a migration back to what was executed."""
    for source in filter(None, (migration.up, migration.down)):
        folder, _, name = source.path.rpartition("/")
        before = "/".join(filter(None, (folder, execution.label + name.removeprefix(migration.label))))
        yield shlex.join(["mv", source.path, before])
