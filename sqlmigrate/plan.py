"""Migrations and history make rows and steps; pure, no clock, no connection.

`rows` puts the two side by side, `up_steps` and `down_steps` say what is to be done. The same plan is shown by
`status`, executed by `up`, tried out by `up --dry-run`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Literal

from .errors import ConfigError, HistoryError, MigrationError, SqlmigrateError, gather
from .files import TEMPLATE_MARKS, Migration, normalized
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
    """What is to be done, in order, and the rows it was made from."""

    direction: Direction
    rows: tuple[Row, ...]
    steps: tuple[Step, ...] = ()


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


def is_ahead(rows: Sequence[Row]) -> bool:
    """Tell whether the history goes on after the newest file: an older checkout on a newer database."""
    newest = max((row.number for row in rows if row.migration), default=-1)
    return any(row.migration is None and row.is_executed and row.number > newest for row in rows)


def missing_inside(rows: Sequence[Row]) -> list[Row]:
    """Give the executed rows without a file that are older than the newest file."""
    newest = max((row.number for row in rows if row.migration), default=-1)
    return [row for row in rows if row.migration is None and row.is_executed and row.number < newest]


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
                script = _read(source)
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


def _read(source: Source) -> Script:
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
    return _read(Source(f"history of {label}", text)).statements


# -- down --------------------------------------------------------------------------------------------------------------


def down_rows(rows: Sequence[Row], policy: Policy) -> list[Row]:
    """Give the rows to be taken back, in the reverse order of their execution.

    Raises `ConfigError` for a version nobody knows, `HistoryError` for one that is not executed, or is a baseline.
    """
    _refuse_half_executed(rows)
    executed = [row for row in rows if row.is_executed]
    executed.sort(key=lambda row: ((row.execution and row.execution.executed_at) or _EPOCH, row.number), reverse=True)
    if policy.all:
        return [row for row in executed if row.execution and row.execution.status != "baseline"]
    if policy.to is not None:
        chosen = [row for row in executed if row.number > _bottom(rows, policy.to)]
        chosen = chosen if policy.steps is None else chosen[: policy.steps]
    else:
        chosen = executed[: 1 if policy.steps is None else policy.steps]
    for row in chosen:
        if row.execution and row.execution.status == "baseline":
            raise HistoryError(
                f"{row.label} is a baseline: it was declared, not executed, and cannot be taken back",
                detail=["nothing was executed"],
                hint="let the history forget it, if it is to be executed here",
                next_steps=[f"sqlmigrate repair {row.version}"],
            )
    return chosen


def _refuse_half_executed(rows: Sequence[Row]) -> None:
    """Raise `HistoryError` where a file without a transaction is executed in part: nothing below it is to be moved."""
    for row in rows:
        execution = row.execution
        if execution and not row.is_executed and execution.statements_done:
            done = f"{execution.statements_done} of {execution.statements}"
            raise HistoryError(
                f"{row.label} is executed in part, statement {done}, and its down file takes back the whole",
                detail=["nothing was executed"],
                hint="go on with it; or take back by hand what is done of it, and let the history forget it",
                next_steps=["sqlmigrate up", f"sqlmigrate repair {row.version}"],
            )


_EPOCH = datetime.fromtimestamp(0, UTC)


def _bottom(rows: Sequence[Row], wanted: str) -> int:
    if wanted.strip("0") == "" and wanted:
        return -1
    row = find(rows, wanted)
    if not row.is_executed:
        raise HistoryError(
            f"{row.label} is not executed, so there is no way down to it", detail=["nothing was executed"]
        )
    return row.number


def down_steps(chosen: Sequence[Row], recorded: Mapping[str, tuple[str | None, str | None]]) -> tuple[Step, ...]:
    """Plan the way down: the down file where there is one, else the text in the history (`recorded`, by version).

    Raises `HistoryError` for what is irreversible, `MigrationError` for malformed down files; all of them at once.
    """
    steps: list[Step] = []
    errors: list[SqlmigrateError] = []
    for row in chosen:
        try:
            steps.append(_down_step(row, *recorded.get((row.execution or row).version, (None, None))))
        except SqlmigrateError as error:
            errors.append(error)
    if errors:
        raise gather(errors)
    return tuple(steps)


def _down_step(row: Row, up_text: str | None, down_text: str | None) -> Step:
    version = (row.execution or row).version
    source = row.migration.down if row.migration else None
    notes: tuple[str, ...] = ()
    if source is None and down_text is not None:
        source = Source(f"history of {row.label} (down)", down_text)
        notes = ("there is no down file: the text recorded with the execution is used",)
    elif source is not None and down_text is not None and normalized(source.text) != normalized(down_text):
        notes = ("the down file differs from the text recorded with the execution: the file is used",)
    if source is None:
        raise _irreversible(row, up_text)
    migration = row.migration or Migration(version, (row.execution or row).label, Source("", up_text or ""), source)
    return Step("down", version, row.label, _read(source), migration, row.execution, notes)


def _irreversible(row: Row, up_text: str | None) -> HistoryError:
    up = row.migration.up if row.migration else Source(f"history of {row.label}", up_text or "")
    reason = _read(up).irreversible
    return HistoryError(
        f"{row.label} is irreversible: " + (reason or "it has no down file"),
        detail=["nothing was executed"],
        hint="write a new migration that brings about what you want"
        + ("" if reason else f", or add {row.label}.down.sql"),
    )
