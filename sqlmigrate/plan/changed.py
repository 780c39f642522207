"""The error for files that were edited after they were executed, with a diff."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence

from sqlmigrate.errors import HistoryError, Kind
from sqlmigrate.files.migration import Migration
from sqlmigrate.files.replaces import ARCHIVE
from sqlmigrate.history.state import Execution
from sqlmigrate.history.texts import BEGINNING, NOTHING, Recorded
from sqlmigrate.source import Source

from .checks import folder_before_squash, in_git
from .rows import Row, changed_rows, moves, renumbered_label, who_and_when

EDITED = "the file was edited after it was executed"
_ALIKE = 0.6  # two texts that have less in common are two migrations, not one that was edited


def changed_error(rows: Sequence[Row], recorded: Mapping[str, Recorded], state: str | None = None) -> HistoryError:
    """Return the error for files that differ from what was executed; it shows the difference.

    `rows` are those of all migrations, at least one of them changed: a file that was executed may have another number
    now. `recorded` are the texts in the history, by version; `state` is the state of the database, if the caller knows
    more than that it only looked.
    """
    errors = [
        _error(row, row.migration, row.execution, renumbered_label(rows, row), recorded).with_(state=state)
        for row in changed_rows(rows)
        if row.migration and row.execution
    ]
    return errors[0].with_(others=errors[1:])


def _error(
    row: Row,
    migration: Migration,
    execution: Execution,
    renumbered: str | None,
    recorded: Mapping[str, Recorded],
) -> HistoryError:
    executed = recorded.get(execution.version, NOTHING)
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
        kind=Kind.CHANGED,
        detail=[f"executed {who_and_when(execution)}"],
        hint=f"rename the files to a free version, so that {execution.label} has its number back; or, where the tables "
        f"of {execution.label} may be lost, undo it: `down` uses the down text recorded in the history",
    )


def _changed(migration: Migration, execution: Execution, executed: Recorded) -> HistoryError:
    when = f"executed {who_and_when(execution)}"
    span, repair = migration.up.span(0, 0), f"sqlmigrate repair {migration.version}"
    renamed = f"executed as {execution.label} and renamed since" if execution.name != migration.name else ""
    if execution.checksum == migration.checksum:
        return HistoryError(
            f"{migration.label}: {renamed}",
            span,
            kind=Kind.RENAMED,
            detail=[when],
            hint="rename it back, or accept the new name",
            next_steps=[*moves(migration, execution), f"or: {repair}"],
        )
    what, shown = _difference(migration.up, executed)
    if migration.up.path.rpartition("/")[0].endswith(f"/{ARCHIVE}"):
        return HistoryError(
            f"{migration.label}: this database has executed another text than the one that was squashed",
            span,
            kind=Kind.CHANGED,
            detail=[when, *shown],
            hint="if both make the same schema, accept the one that was squashed; if they do not, change this database "
            "by hand first",
            next_steps=[repair],
        )
    what = f"{EDITED}{what}"
    before = "the older text from your repository" if executed.shortened else "the recorded text"
    back = in_git(execution.label) if executed.shortened else _recorded(migration, execution)
    return HistoryError(
        f"{migration.label}: {renamed}; {what}" if renamed else f"{migration.label}: {what}",
        span,
        kind=Kind.CHANGED,
        detail=[when, *shown],
        hint=f"put the edit aside (if it is committed: take {before}), and write a new migration; or accept it",
        next_steps=[_put_aside(migration), f"or: {back}", f"or: {repair}"],
    )


def _difference(now: Source, executed: Recorded) -> tuple[str, list[str]]:
    """Return what kind of change it is, and the lines that show it, as far as both texts are known."""
    if executed.shortened:
        return "", ["what was edited is not known: the history keeps only the beginning of a text above 1 MB"]
    if now.on_disk:
        return "", ["what was edited is not shown: the file has more than 1 MB now"]
    from sqlmigrate.files import compare  # noqa: PLC0415 - only for an error

    before = executed.up or ""
    return f": {compare.what_changed(before, now.text)} changed", compare.diff(before, now.text)


def _put_aside(migration: Migration) -> str:
    """Return the command that brings the committed text back; unlike ``git checkout`` it does not lose the edit."""
    return shlex.join(["git", "stash", "push", "--", migration.up.path])


def _recorded(migration: Migration, execution: Execution) -> str:
    """Return the command that writes the executed text into the file."""
    return f"sqlmigrate log {execution.version} --sql up > {shlex.quote(migration.up.path)}"


def _is_alike(executed: Recorded, now: str) -> bool:
    """Tell whether one text was made from the other by editing; of a text that is not kept whole by its beginning."""
    from difflib import SequenceMatcher  # noqa: PLC0415 - only for an error

    before = executed.head
    if executed.shortened:
        before, now = before[:BEGINNING], now[:BEGINNING]
    return SequenceMatcher(None, before, now).ratio() >= _ALIKE
