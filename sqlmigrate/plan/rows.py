"""Each migration with its execution: one row, and one state."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from sqlmigrate.errors import ConfigError
from sqlmigrate.files.migration import Migration
from sqlmigrate.files.naming import version_number
from sqlmigrate.history.state import Execution
from sqlmigrate.spelling import did_you_mean
from sqlmigrate.times import moment

RowState = Literal["executed", "baseline", "pending", "out of order", "failed", "changed", "missing"]
# The states as they are counted: a migration without a transaction is `running` while its run is under way.
COUNTED = ("executed", "pending", "baseline", "running", "failed", "changed", "missing", "out of order")


@dataclass(frozen=True)
class Row:
    """One line of `status`: a migration, its execution, or both.

    Attributes:
        state: The state that file and execution make together.
        migration: The files; None where they are missing.
        execution: The row of the history; None where the migration was never tried.
    """

    state: RowState
    migration: Migration | None
    execution: Execution | None

    @property
    def number(self) -> int:
        """The version as a number, by which rows are ordered."""
        return (self.migration or self._execution).number

    @property
    def label(self) -> str:
        """Version and name: those of the file, or of the execution if the file is missing."""
        return (self.migration or self._execution).label

    @property
    def executed_label(self) -> str:
        """The version with the name that the history has: the file may have another name now."""
        return f"{self.version}_{self._execution.name}"

    @property
    def is_renamed(self) -> bool:
        """Whether the history has an execution with another name than that of the file."""
        return self.migration is not None and self.execution is not None and self.execution.name != self.migration.name

    @property
    def version(self) -> str:
        """The version as written in the file name, or in the history if the file is missing."""
        return (self.migration or self._execution).version

    @property
    def is_executed(self) -> bool:
        """Whether the migration is executed, or declared to be by a baseline."""
        return self.execution is not None and self.execution.status in ("executed", "baseline")

    @property
    def is_baseline(self) -> bool:
        """Whether the migration was declared to be in the database."""
        return self.execution is not None and self.execution.status == "baseline"

    @property
    def is_pending(self) -> bool:
        """Whether `up` would execute it."""
        return self.migration is not None and not self.is_executed

    @property
    def is_another_migration(self) -> bool:
        """Whether the file has neither the name nor the text of what was executed with its number."""
        migration, execution = self.migration, self.execution
        is_other = migration is not None and execution is not None and execution.checksum != migration.checksum
        return self.is_renamed and is_other

    @property
    def is_begun(self) -> bool:
        """Whether an execution without a transaction has begun and has not ended; its run may be dead."""
        return self.execution is not None and self.execution.is_begun

    @property
    def is_half_undone(self) -> bool:
        """Whether a down without a transaction has undone a part of the migration."""
        return self.execution is not None and self.execution.is_half_undone

    @property
    def _execution(self) -> Execution:
        if self.execution is None:
            raise AssertionError("a row has a migration or an execution")
        return self.execution


def make_rows(migrations: Iterable[Migration], executions: Iterable[Execution]) -> tuple[Row, ...]:
    """Return a row for each migration and each execution, in the order of their versions.

    Several files can have one version. The one that was executed has the execution; the others are pending, and `up`
    refuses them. A baseline declares all of them.
    """
    files: dict[int, list[Migration]] = {}
    for migration in migrations:
        files.setdefault(migration.number, []).append(migration)
    recorded: dict[int, list[Execution]] = {}
    for execution in executions:
        recorded.setdefault(execution.number, []).append(execution)
    done = (number for number, found in recorded.items() if any(_is_done(each) for each in found))
    newest = max(done, default=-1)
    return tuple(
        row
        for number in sorted(files.keys() | recorded.keys())
        for row in _rows_of_version(files.get(number, []), recorded.get(number, []), newest)
    )


def _is_done(execution: Execution) -> bool:
    return execution.status in ("executed", "baseline")


def _rows_of_version(files: list[Migration], executions: Sequence[Execution], newest: int) -> Iterator[Row]:
    left = list(files)
    for execution in executions:
        own = _executed_file(left, execution)
        left = [each for each in left if each is not own]
        yield Row(_state(own, execution, newest), own, execution)
    if not any(execution.status == "baseline" for execution in executions):
        yield from (Row(_state(each, None, newest), each, None) for each in left)


def _executed_file(files: Sequence[Migration], execution: Execution) -> Migration | None:
    """Return which of the files with one version was executed: by its name, or else by its text; None without files."""
    by_name = [each for each in files if each.name == execution.name]
    by_text = [each for each in files if each.is_read and each.checksum == execution.checksum]
    return next(iter([*by_name, *by_text, *files]), None)


def _state(migration: Migration | None, execution: Execution | None, newest: int) -> RowState:
    if migration is None:
        return "missing"
    if execution is None:
        return "out of order" if migration.number < newest else "pending"
    if execution.status not in ("executed", "baseline") or execution.is_half_undone:
        return "failed"
    if execution.name != migration.name or (migration.is_read and execution.checksum != migration.checksum):
        return "changed"
    return "baseline" if execution.status == "baseline" else "executed"


def count_states(rows: Sequence[Row], *, is_run_under_way: bool) -> dict[str, int]:
    """Count the rows by state, for each state of `COUNTED`; a row counts once, so the counts add up to all rows."""
    counts = dict.fromkeys(COUNTED, 0)
    for row in rows:
        counts["running" if is_run_under_way and row.is_begun else row.state] += 1
    return counts


def find_row(rows: Sequence[Row], wanted: str) -> Row:
    """Return the row that a user names: ``3``, ``003``, the whole name, or the path of a file.

    Raises `ConfigError`, with the nearest name, if there is none.
    """
    name = _label_in(wanted)
    digits = name.replace("_", "")
    for row in rows:
        if name == row.label or (digits.isdecimal() and digits.lstrip("0") == str(row.number).lstrip("0")):
            return row
    labels = [row.label for row in rows]
    newest = f"the newest migration is `{labels[-1]}`" if labels else "there are no migrations at all"
    raise ConfigError(
        f"there is no migration `{wanted}` in the folder or in the history",
        hint=did_you_mean(name, labels) or newest,
    )


def _label_in(wanted: str) -> str:
    """Return the label that a path of a file names; another text as it is."""
    name = wanted.replace("\\", "/").rpartition("/")[2]
    return name.removesuffix(".sql").removesuffix(".up").removesuffix(".down")


def named_version(wanted: str) -> int | None:
    """Return the version, as a number, that a user names as `find_row` reads it; None if the name begins with none."""
    found = re.match(r"[0-9]{8}_[0-9]{6}(?=_|$)|[0-9]+(?=_|$)", _label_in(wanted))
    return version_number(found[0]) if found else None


def missing_after(rows: Sequence[Row]) -> list[Row]:
    """Return the executed rows that are newer than every file: the folder is older than the database."""
    newest = _newest_file(rows)
    return [row for row in rows if row.migration is None and row.is_executed and row.number > newest]


def missing_inside(rows: Sequence[Row]) -> list[Row]:
    """Return the executed rows without a file that are older than the newest file."""
    newest = _newest_file(rows)
    return [row for row in rows if row.migration is None and row.is_executed and row.number < newest]


def missing_unfinished(rows: Sequence[Row]) -> list[Row]:
    """Return the rows without a file whose execution failed, with nothing of it in the database."""
    return [
        row
        for row in rows
        if row.migration is None and not row.is_executed and not (row.execution and row.execution.is_half_done)
    ]


def _newest_file(rows: Sequence[Row]) -> int:
    return max((row.number for row in rows if row.migration), default=-1)


def changed_rows(rows: Sequence[Row]) -> list[Row]:
    """Return the rows whose file is not the one that was executed."""
    return [row for row in rows if row.state == "changed"]


def unchanged(rows: Iterable[Row]) -> tuple[Migration, ...]:
    """Return the migrations that are executed, or declared to be, and whose files are those that were executed."""
    return tuple(row.migration for row in rows if row.migration and row.state in ("executed", "baseline"))


def renumbered_label(rows: Iterable[Row], row: Row) -> str | None:
    """Return the label of the file that holds what was executed with the number of `row`; None if no other file does.

    The file of `row` itself is never that: if it holds the executed text, it was at most renamed.
    """
    executed = row.execution.checksum if row.execution else None
    if executed is None or (row.migration and row.migration.checksum == executed):
        return None
    return {each.migration.checksum: each.label for each in rows if each.migration}.get(executed)


def renumbered_file(rows: Iterable[Row], row: Row) -> Migration | None:
    """Return the pending files that have the name and the text of an executed migration whose files are missing."""
    execution = row.execution
    if execution is None or row.migration or not row.is_executed or execution.checksum is None:
        return None
    pending = (each.migration for each in rows if each.migration and each.execution is None)
    same = (each for each in pending if (each.name, each.checksum) == (execution.name, execution.checksum))
    return next(same, None)


def who_and_when(execution: Execution) -> str:
    """Say who executed a migration, and when: ``by ann on 2026-02-13 01:16:28 UTC``, as far as it is known."""
    when = f"on {moment(execution.executed_at)}" if execution.executed_at else "at an unknown time"
    return f"by {execution.executed_by} {when}" if execution.executed_by else when


def moves(migration: Migration, execution: Execution) -> Iterator[str]:
    """Return the commands that rename the files of a migration back to the executed name."""
    for source in filter(None, (migration.up, migration.down)):
        folder, _, name = source.path.rpartition("/")
        before = "/".join(filter(None, (folder, execution.label + name.removeprefix(migration.label))))
        yield shlex.join(["mv", source.path, before])
