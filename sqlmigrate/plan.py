"""Migrations and history make rows and steps; pure, no clock, no connection.

`rows` puts the two side by side, `up_steps` and `down_steps` say what is to be done. The same plan is shown by
`status`, executed by `up`, tried out by `up --dry-run`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Literal

from .errors import ConfigError, HistoryError, MigrationError, SqlmigrateError, gather
from .files import TEMPLATE_MARKS, Migration
from .history import Execution, State
from .source import Source

if TYPE_CHECKING:
    from .split import Statement
    from .statement import Script

RowState = Literal["executed", "baseline", "pending", "out of order", "failed", "changed", "missing"]
Direction = Literal["up", "down"]


@dataclass(frozen=True)
class Policy:
    """How a run goes about it.

    `lock_wait` is how long to wait for another run, in seconds; `lock_timeout` PostgreSQL's for each migration,
    `lock_retries` how often one is tried again that did not get its lock; `watched` sends statement by statement and
    tells of each while its transaction is open; `tick` is how often one under way is looked at, in seconds.
    """

    table: str = "migrations"
    to: str | None = None
    steps: int | None = None
    all: bool = False
    out_of_order: bool = False
    dry_run: bool = False
    lock_wait: float = 60.0
    lock_timeout: str = "5s"
    lock_retries: int = 10
    watched: bool = False
    tick: float = 1.0


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
    def _execution(self) -> Execution:
        if self.execution is None:
            raise AssertionError("a row has a migration or an execution")
        return self.execution


@dataclass(frozen=True)
class Step:
    """One migration to be executed in one direction. `version` is its key in the history, `notes` are to be said."""

    direction: Direction
    version: str
    label: str
    script: Script
    migration: Migration
    execution: Execution | None = None
    notes: tuple[str, ...] = ()

    @property
    def done_before(self) -> int:
        """How many statements an earlier execution without a transaction has done."""
        if self.direction == "down" or self.script.mode == "transaction" or self.execution is None:
            return 0
        return self.execution.statements_done


@dataclass(frozen=True)
class Plan:
    """What is to be done, in order, and the rows it was made from; in a dry run all of it is rolled back."""

    direction: Direction
    rows: tuple[Row, ...]
    steps: tuple[Step, ...] = ()
    dry_run: bool = False


@dataclass(frozen=True)
class Planned:
    """What is to be done on which database; comes again when another run has changed the history meanwhile."""

    plan: Plan
    state: State


# -- rows --------------------------------------------------------------------------------------------------------------


def rows(migrations: Iterable[Migration], executions: Iterable[Execution]) -> tuple[Row, ...]:
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
    import difflib  # noqa: PLC0415 - only for an error

    near = difflib.get_close_matches(name, labels, n=1, cutoff=0.4) or labels[-1:]
    raise ConfigError(
        f"no migration is called `{wanted}`, neither in the folder nor in the history",
        hint=f"did you mean {near[0]}?" if near else "there are no migrations at all",
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


# -- up ----------------------------------------------------------------------------------------------------------------


def up_steps(rows: Sequence[Row], policy: Policy) -> tuple[Step, ...]:
    """Plan what is pending, in order; every script is read and split here, up and down, before anything is executed.

    Raises `HistoryError` for what is missing or out of order, `ConfigError` for a version nobody knows,
    `MigrationError` with every fault of every pending file. Changed files are `changed_rows`: their error wants the
    recorded text.
    """
    pending = [row for row in rows if row.is_pending]
    if policy.to is not None:
        limit = find(rows, policy.to).number
        pending = [row for row in pending if row.number <= limit]
    if policy.steps is not None:
        pending = pending[: policy.steps]
    if pending:
        refuse_missing(rows)
    if not policy.out_of_order:
        refuse_out_of_order(rows, pending)
    migrations = {row.migration: row for row in pending if row.migration}
    scripts = read_all(migrations)
    return tuple(
        Step(
            "up",
            migration.version,
            migration.label,
            script,
            migration,
            migrations[migration].execution,
            () if script.statements else ("the file holds no statement",),
        )
        for migration, script in zip(migrations, scripts, strict=True)
    )


def changed_rows(rows: Sequence[Row]) -> list[Row]:
    """Give the rows whose file is not the one that was executed."""
    return [row for row in rows if row.state == "changed"]


def refuse_missing(rows: Sequence[Row]) -> None:
    """Raise `HistoryError` where an executed migration inside the folder's range has no file."""
    if missing := missing_inside(rows):
        names = ", ".join(row.label for row in missing)
        raise HistoryError(
            f"{names}: executed on this database, but there is no such file",
            detail=["nothing was executed"],
            hint="bring the file back (git log -- sql/), or let the history forget it",
            next_steps=[f"sqlmigrate repair {row.version}" for row in missing],
        )


def refuse_ahead(rows: Sequence[Row]) -> None:
    """Raise `HistoryError` where the history goes on after the newest file."""
    if missing := missing_after(rows):
        names = ", ".join(row.label for row in missing)
        raise HistoryError(
            f"{names}: executed on this database, after the newest file: this folder is older than the database",
            detail=["nothing was executed"],
            hint="take the folder's newer state (git pull); or let the history forget what is gone for good",
            next_steps=[f"sqlmigrate repair {row.version}" for row in missing],
        )


def refuse_begun_and_missing(rows: Sequence[Row]) -> None:
    """Raise `HistoryError` where the history keeps a failure whose file is gone."""
    if missing := [row for row in rows if row.migration is None and not row.is_executed]:
        names = ", ".join(row.label for row in missing)
        raise HistoryError(
            f"{names}: failed on this database, and there is no such file any more",
            detail=["nothing was executed"],
            hint="bring the file back (git log -- sql/), or let the history forget it",
            next_steps=[f"sqlmigrate repair {row.version}" for row in missing],
        )


def refuse_out_of_order(rows: Sequence[Row], pending: Sequence[Row] | None = None) -> None:
    """Raise `HistoryError` where one of the pending (all, or those given) is older than the newest executed."""
    executed = [row for row in rows if row.is_executed]
    chosen = [row for row in rows if row.is_pending] if pending is None else pending
    late = [row for row in chosen if executed and row.number < executed[-1].number]
    if not late:
        return
    newest = executed[-1].execution
    who = f"executed by {newest.executed_by} on {moment(newest.executed_at)} UTC" if newest else ""
    raise HistoryError(
        f"{', '.join(row.label for row in late)}: out of order, pending below {executed[-1].label}, which was {who}",
        detail=["nothing was executed"],
        hint="give it a number after the newest (both files of the pair), or execute it where it stands",
        next_steps=["sqlmigrate up --out-of-order"],
    )


def moment(time: datetime | None) -> str:
    """Give a time as it is shown, in UTC, to the second."""
    return time.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S") if time else "an unknown day"


def read_all(migrations: Iterable[Migration]) -> tuple[Script, ...]:
    """Split and check the files of migrations, up and down, and give the scripts of the up files.

    Raises `MigrationError` with every fault of every file, the first with the rest in its `others`.
    """
    scripts: list[Script] = []
    errors: list[SqlmigrateError] = []
    for migration in migrations:
        for source in filter(None, (migration.up, migration.down)):
            try:
                script = read(source)
            except MigrationError as error:
                errors.append(error)
                continue
            errors += _unwritten(script)
            if source is migration.up:
                scripts.append(script)
                errors += _irreversible_with_down(migration, script)
    if errors:
        raise gather(errors)
    return tuple(scripts)


def read(source: Source) -> Script:
    """Split a source and find out how it is to be executed; raises `MigrationError`."""
    from .statement import read  # noqa: PLC0415 - costs 10 ms, which looking does without

    return read(source)


def _unwritten(script: Script) -> list[SqlmigrateError]:
    """Refuse a template that nobody has written SQL into: executed, it could not be changed any more."""
    if script.statements or not any(mark in script.source.text for mark in TEMPLATE_MARKS):
        return []
    message = f"{script.source.path} is still as `create` made it, without a statement"
    return [MigrationError(message, hint="write its SQL; or remove the template's lines, if it is to do nothing")]


def _irreversible_with_down(migration: Migration, script: Script) -> list[SqlmigrateError]:
    if migration.down is None or script.irreversible is None:
        return []
    span = next(directive.span for directive in script.directives if directive.name == "irreversible")
    return [MigrationError(f"irreversible, and there is {migration.down.path}", span, hint="remove one of the two")]


def read_text(label: str, text: str) -> tuple[Statement, ...]:
    """Give the statements of a text that the history has recorded for `label`."""
    return read(Source(f"history of {label}", text)).statements
