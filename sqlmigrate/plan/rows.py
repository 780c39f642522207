"""Migrations beside their history: one row and one state each."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from sqlmigrate.errors import ConfigError
from sqlmigrate.files.migration import Migration
from sqlmigrate.history.state import Execution
from sqlmigrate.spelling import did_you_mean

RowState = Literal["executed", "baseline", "pending", "out of order", "failed", "changed", "missing"]
# The states as they are counted: a migration without a transaction is `running` while its run is under way.
COUNTED = ("executed", "pending", "baseline", "running", "failed", "changed", "missing", "out of order")


@dataclass(frozen=True)
class Row:
    """One line of `status`: a migration, its execution, or both, and the state they make."""

    state: RowState
    migration: Migration | None
    execution: Execution | None

    @property
    def number(self) -> int:
        """The version as it is compared."""
        return (self.migration or self._execution).number

    @property
    def label(self) -> str:
        """Version and name, the file's where there is one."""
        return (self.migration or self._execution).label

    @property
    def version(self) -> str:
        """The version, as the file's name has it where there is one."""
        return (self.migration or self._execution).version

    @property
    def is_executed(self) -> bool:
        """Whether the database holds what the migration does."""
        return self.execution is not None and self.execution.status in ("executed", "baseline")

    @property
    def is_pending(self) -> bool:
        """Whether `up` would execute it."""
        return self.migration is not None and not self.is_executed

    @property
    def is_begun(self) -> bool:
        """Whether an execution without a transaction has begun and not ended; its run may be gone."""
        return self.execution is not None and self.execution.status == "running"

    @property
    def _execution(self) -> Execution:
        if self.execution is None:
            raise AssertionError("a row has a migration or an execution")
        return self.execution


def make_rows(migrations: Iterable[Migration], executions: Iterable[Execution]) -> tuple[Row, ...]:
    """Put files and history side by side, in the order of the versions."""
    files = {migration.number: migration for migration in migrations}
    recorded = {execution.number: execution for execution in executions}
    newest = max((number for number, one in recorded.items() if one.status in ("executed", "baseline")), default=-1)
    return tuple(
        Row(_state(files.get(number), recorded.get(number), newest), files.get(number), recorded.get(number))
        for number in sorted(files.keys() | recorded.keys())
    )


def _state(migration: Migration | None, execution: Execution | None, newest: int) -> RowState:
    if migration is None:
        return "missing"
    if execution is None:
        return "out of order" if migration.number < newest else "pending"
    if execution.status not in ("executed", "baseline"):
        return "failed"
    if execution.checksum != migration.checksum or execution.name != migration.name:
        return "changed"
    return "baseline" if execution.status == "baseline" else "executed"


def count_states(rows: Sequence[Row], *, is_run_under_way: bool) -> dict[str, int]:
    """Count the rows by state, for every state of `COUNTED`; each row counts once, so the sum is their number."""
    counts = dict.fromkeys(COUNTED, 0)
    for row in rows:
        counts["running" if is_run_under_way and row.is_begun else row.state] += 1
    return counts


def find(rows: Sequence[Row], wanted: str) -> Row:
    """Find the row that a user names: ``3``, ``003``, the whole name, or a file's path.

    Raises `ConfigError` with the nearest name where there is none.
    """
    name = wanted.replace("\\", "/").rpartition("/")[2].removesuffix(".sql").removesuffix(".up").removesuffix(".down")
    digits = name.replace("_", "")
    for row in rows:
        if name == row.label or (digits.isdecimal() and digits.lstrip("0") == str(row.number).lstrip("0")):
            return row
    labels = [row.label for row in rows]
    newest = f"the newest migration is `{labels[-1]}`" if labels else "there are no migrations at all"
    raise ConfigError(
        f"no migration is called `{wanted}`, neither in the folder nor in the history",
        hint=did_you_mean(name, labels) or newest,
    )


def missing_after(rows: Sequence[Row]) -> list[Row]:
    """Give the executed rows after the newest file: an older checkout on a newer database."""
    newest = _newest_file(rows)
    return [row for row in rows if row.migration is None and row.is_executed and row.number > newest]


def missing_inside(rows: Sequence[Row]) -> list[Row]:
    """Give the executed rows without a file that are older than the newest file."""
    newest = _newest_file(rows)
    return [row for row in rows if row.migration is None and row.is_executed and row.number < newest]


def _newest_file(rows: Sequence[Row]) -> int:
    return max((row.number for row in rows if row.migration), default=-1)


def changed_rows(rows: Sequence[Row]) -> list[Row]:
    """Give the rows whose file is not the one that was executed."""
    return [row for row in rows if row.state == "changed"]
