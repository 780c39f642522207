"""The errors for a history that does not fit the folder: missing files, and migrations out of order.

Each function returns the error, or None if there is nothing to say. `up` raises it, `verify` collects all of them.
"""

from __future__ import annotations

import shlex
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from sqlmigrate.errors import NOTHING_EXECUTED, HistoryError, Kind
from sqlmigrate.files.migration import Migration
from sqlmigrate.files.replaces import find_replaces
from sqlmigrate.history.state import Execution
from sqlmigrate.history.texts import Recorded
from sqlmigrate.source import Source

from .rows import Row, missing_after, missing_inside, missing_unfinished, moves, renumbered_file, who_and_when


@dataclass(frozen=True)
class MissingFiles:
    """One way in which a file can be missing.

    Attributes:
        choose: Returns the rows whose file is missing in this way.
        problem: What is wrong, said of one migration and of several.
        cure: How to get the file back.
        is_older: Whether the whole folder is older than the database.
        kind: A word for it, if code has to tell it apart.
    """

    choose: Callable[[Sequence[Row]], list[Row]]
    problem: tuple[str, str]
    cure: str
    is_older: bool = False
    kind: Kind | None = None


INSIDE = MissingFiles(
    missing_inside,
    ("executed on this database, but the file is missing", "executed on this database, but the files are missing"),
    "restore the file",
)
AFTER = MissingFiles(
    missing_after,
    ("executed on this database, but newer than every file: this folder is older than the database",) * 2,
    "update the folder",
    is_older=True,
)
UNFINISHED = MissingFiles(
    missing_unfinished,
    ("failed on this database, and the file is missing", "failed on this database, and the files are missing"),
    "restore the file",
    kind=Kind.FAILED_AND_MISSING,
)


def ways_back(rows: Sequence[Row], label: str, version: str) -> list[str]:
    """Return the commands that find a deleted file: in git, and with the text that the history has recorded."""
    return [in_git(label), f"or: {recorded_up(rows, label, version)}"]


def recorded_up(rows: Sequence[Row], label: str, version: str) -> str:
    """Return the command that writes the recorded text of an up file into the folder of the others."""
    folder = next((row.migration.up.path.rpartition("/") for row in rows if row.migration), ("sql", "/", ""))
    path = "".join((*folder[:2], f"{label}.up.sql"))
    return f"sqlmigrate log {version} --sql up > {shlex.quote(path)}"


def shortened_error(label: str, executed: Recorded) -> HistoryError:
    """Return the error for an up text that is asked for, and that the history has not kept whole."""
    has = "only the beginning" if not executed.statements else "a part"
    return HistoryError(
        f"the history has {has} of the up text of {label}: the file has more than 1 MB",
        hint="take the file from your repository; `verify` tells whether it is the one that was executed",
        next_steps=[in_git(label)],
    )


def in_git(label: str) -> str:
    """Return the command that finds the commits of an up file, also of one that was deleted."""
    return f"git log --all -- {shlex.quote(f'*{label}.up.sql')}"


def missing_error(rows: Sequence[Row], kind: MissingFiles) -> HistoryError | None:
    """Return the error that names the rows whose file is missing in one way."""
    if not (missing := [row for row in kind.choose(rows) if not renumbered_file(rows, row)]):
        return None
    back = ["git pull"] if kind.is_older else []
    for row in () if kind.is_older else missing:
        ways = ways_back(rows, row.label, row.version)
        back += [f"or: {ways[0]}", ways[1]] if back else ways
    undoing = _undoing(rows, missing)
    undo = "undo it if its data may be lost (the history has the down text), " if undoing else ""
    forget = "or let the history forget it: if the file comes back, the next `up` executes it again"
    nothing = [f"nothing of {'it' if len(missing) == 1 else 'them'} is in the database"]
    return HistoryError(
        f"{', '.join(row.label for row in missing)}: {kind.problem[len(missing) > 1]}",
        kind=kind.kind,
        detail=nothing if kind is UNFINISHED else [],
        state=NOTHING_EXECUTED,
        hint=f"{kind.cure}, {undo}{forget}",
        next_steps=[*back, *undoing, *(f"or: sqlmigrate repair {row.version}" for row in missing)],
    )


def _undoing(rows: Sequence[Row], missing: Sequence[Row]) -> list[str]:
    """Return the command that undoes the missing ones, if they are the last that the database has executed."""
    executed = [row for row in rows if row.is_executed]
    before = executed[: -len(missing)]
    if not before or [row.version for row in executed[len(before) :]] != [row.version for row in missing]:
        return []
    return [f"or: sqlmigrate down --to {before[-1].version}"]


def renumbered_error(rows: Sequence[Row]) -> HistoryError | None:
    """Return the error that names executed migrations whose files have another number now: `up` would do them twice."""
    found = [(row, file) for row in rows if (file := renumbered_file(rows, row))]
    if not found:
        return None
    said = [f"{row.label}, whose files are {file.label} now" for row, file in found]
    return HistoryError(
        f"executed on this database with another number: {'; '.join(said)}",
        found[0][1].up.span(0, 0),
        state=NOTHING_EXECUTED,
        hint="rename the files back: with the new number they would be executed a second time; or, where what they "
        "have made may be lost, undo it first: `down` uses the down text recorded in the history",
        next_steps=[step for row, file in found if row.execution for step in moves(file, row.execution)],
    )


def folder_before_squash(migration: Migration, execution: Execution, executed: Recorded) -> HistoryError | None:
    """Return the error for files that a squashed migration has replaced, in a database that has the squashed one.

    `executed` has the up text that the history has recorded for it. Its down would undo all of them at once.
    """
    replaces = find_replaces(Source("", executed.head))
    if replaces is None or migration.replaces:
        return None
    return HistoryError(
        f"{migration.label}: this database has {execution.label}, which replaces {replaces}: "
        "this folder is older than the database",
        migration.up.span(0, 0),
        kind=Kind.OLDER_FOLDER,
        state=NOTHING_EXECUTED,
        hint="update the folder",
        next_steps=["git pull"],
    )


def out_of_order_error(rows: Sequence[Row], pending: Sequence[Row]) -> HistoryError | None:
    """Return the error that names the `pending` rows older than the newest executed one."""
    executed = [row for row in rows if row.is_executed]
    late = [row for row in pending if executed and row.number < executed[-1].number]
    if not late:
        return None
    newest = executed[-1]
    when = f" ({who_and_when(newest.execution)})" if newest.execution else ""
    return HistoryError(
        f"{', '.join(row.label for row in late)}: out of order, the later {newest.label} is already executed{when}",
        kind=Kind.OUT_OF_ORDER,
        state=NOTHING_EXECUTED,
        hint="renumber it after the newest migration (both files), or execute it out of order",
        next_steps=["sqlmigrate up --out-of-order"],
    )
