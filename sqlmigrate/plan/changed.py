"""The error for files that were edited after they were executed, with a diff."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence

from sqlmigrate.errors import HistoryError
from sqlmigrate.files.migration import Migration
from sqlmigrate.files.replaces import ARCHIVE
from sqlmigrate.history.state import Execution

from .checks import folder_before_squash
from .rows import Row, changed_rows, moves, renumbered_label, who_and_when

_ALIKE = 0.6  # two texts that have less in common are two migrations, not one that was edited


def changed_error(
    rows: Sequence[Row], executed_texts: Mapping[str, str | None], state: str | None = None
) -> HistoryError:
    """Return the error for files that differ from what was executed; it shows the difference.

    `rows` are those of all migrations, at least one of them changed: a file that was executed may have another number
    now. `executed_texts` are the up texts recorded in the history, by version; `state` is the state of the database, if
    the caller knows more than that it only looked.
    """
    errors = [
        _error(row, row.migration, row.execution, renumbered_label(rows, row), executed_texts).with_(state=state)
        for row in changed_rows(rows)
        if row.migration and row.execution
    ]
    return errors[0].with_(others=errors[1:])


def _error(
    row: Row,
    migration: Migration,
    execution: Execution,
    renumbered: str | None,
    executed_texts: Mapping[str, str | None],
) -> HistoryError:
    executed = executed_texts.get(execution.version) or ""
    if row.is_another_migration and (older := folder_before_squash(migration, execution, executed)):
        return older
    if row.is_another_migration and (renumbered or not _is_alike(executed, migration.up.text)):
        return _another_migration(migration, execution, renumbered)
    return _changed(migration, execution, executed)


def _another_migration(migration: Migration, execution: Execution, renumbered: str | None) -> HistoryError:
    where = f", which is {renumbered} now" if renumbered else ""
    return HistoryError(
        f"{migration.label}: another migration was executed with this number, {execution.label}{where}",
        migration.up.span(0, 0),
        detail=[f"executed {who_and_when(execution)}"],
        hint=f"rename the files to a free version, so that {execution.label} has its number back; or, where the tables "
        f"of {execution.label} may be lost, undo it: `down` uses the down text recorded in the history",
    )


def _changed(migration: Migration, execution: Execution, executed: str) -> HistoryError:
    when = f"executed {who_and_when(execution)}"
    span, repair = migration.up.span(0, 0), f"sqlmigrate repair {migration.version}"
    renamed = f"executed as {execution.label} and renamed since" if execution.name != migration.name else ""
    if execution.checksum == migration.checksum:
        return HistoryError(
            f"{migration.label}: {renamed}",
            span,
            detail=[when],
            hint="rename it back, or accept the new name",
            next_steps=[*moves(migration, execution), f"or: {repair}"],
        )
    from sqlmigrate.files import compare  # noqa: PLC0415 - only for an error

    if migration.up.path.rpartition("/")[0].endswith(f"/{ARCHIVE}"):
        return HistoryError(
            f"{migration.label}: this database has executed another text than the one that was squashed",
            span,
            detail=[when, *compare.diff(executed, migration.up.text)],
            hint="if both make the same schema, accept the one that was squashed; if they do not, change this database "
            "by hand first",
            next_steps=[repair],
        )
    what = f"the file was edited after it was executed: {compare.what_changed(executed, migration.up.text)} changed"
    return HistoryError(
        f"{migration.label}: {renamed}; {what}" if renamed else f"{migration.label}: {what}",
        span,
        detail=[when, *compare.diff(executed, migration.up.text)],
        hint="put the edit aside (if it is committed: take the recorded text), and write a new migration; or accept it",
        next_steps=[_put_aside(migration), f"or: {_recorded(migration, execution)}", f"or: {repair}"],
    )


def _put_aside(migration: Migration) -> str:
    """Return the command that brings the committed text back; unlike ``git checkout`` it does not lose the edit."""
    return shlex.join(["git", "stash", "push", "--", migration.up.path])


def _recorded(migration: Migration, execution: Execution) -> str:
    """Return the command that writes the executed text into the file."""
    return f"sqlmigrate log {execution.version} --sql up > {shlex.quote(migration.up.path)}"


def _is_alike(executed: str, now: str) -> bool:
    """Tell whether one text was made from the other by editing."""
    from difflib import SequenceMatcher  # noqa: PLC0415 - only for an error

    return SequenceMatcher(None, executed, now).ratio() >= _ALIKE
