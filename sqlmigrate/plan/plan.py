"""The values of a plan: what is selected, what limits a run, the steps, the plan.

`status` shows the same plan that `up` executes and `up --dry-run` tries.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from sqlmigrate.config.settings import default
from sqlmigrate.errors import MigrationError, SqlmigrateError
from sqlmigrate.files.migration import Migration
from sqlmigrate.history.state import Execution, State

from .rows import Row
from .squashed import Fold, Opened

if TYPE_CHECKING:
    from sqlmigrate.parsing.script import Script
    from sqlmigrate.parsing.statement import Statement


Direction = Literal["up", "down"]


@dataclass(frozen=True)
class Selection:
    """The migrations that a run is asked for; without any of these, `up` means all that are pending, `down` the last.

    Attributes:
        to: The migration where the run stops, as the user names it: ``3``, ``003`` or its whole name. `up` executes
            it, `down` leaves it executed; `down` takes ``0`` for "all".
        steps: The largest number of migrations.
        all: Every executed migration (`down` only).
        out_of_order: Also execute pending migrations that are older than the newest executed one (`up` only).
        into_existing: Execute the first migrations although the database has tables or the history of another tool.
    """

    to: str | None = None
    steps: int | None = None
    all: bool = False
    out_of_order: bool = False
    into_existing: bool = False


DEFAULT_SELECTION = Selection()


@dataclass(frozen=True)
class Limits:
    """How long a run waits for others.

    Attributes:
        lock_wait: How long to wait for another run on the same history, in seconds.
        lock_timeout: PostgreSQL's `lock_timeout` for each migration, with its unit: ``5s``, ``500ms``.
        lock_retries: How many times a migration is tried again that did not get its locks.
        waited: How long this run has waited for another run already, in seconds, before it was put off.
        blocked: How many times it did not get its locks before.
    """

    lock_wait: float = default("lock_wait")
    lock_timeout: str = default("lock_timeout")
    lock_retries: int = default("lock_retries")
    waited: float = 0.0
    blocked: int = 0


DEFAULT_LIMITS = Limits()

DriftAnswer = Literal["off", "warn", "refuse"]


@dataclass(frozen=True)
class DriftPolicy:
    """What a run does about drift.

    Attributes:
        answer: ``warn`` and ``refuse`` say what an `up` does if the schema was changed by hand. ``off``: nothing is
            compared, and no snapshot is kept.
        ignored: What may change by hand: ``partition public.events_*``, ``extension *``.
    """

    answer: DriftAnswer = "warn"
    ignored: tuple[str, ...] = ()

    @property
    def is_off(self) -> bool:
        """Whether nothing is compared and nothing is kept."""
        return self.answer == "off"


DEFAULT_DRIFT = DriftPolicy()
NO_DRIFT = DriftPolicy("off")


@dataclass(frozen=True)
class Step:
    """One migration to execute in one direction.

    Attributes:
        direction: ``up`` or ``down``.
        version: Its key in the history.
        label: Version and name, as users read them.
        script: The statements to execute.
        migration: The files.
        execution: The row of the history before the step; None if there is none.
        notes: What the user has to know before the step begins.
        begun: The statements of the file as an earlier run has begun it, as the history has recorded them; empty unless
            that run stopped in the middle.
        down_faults: Why its down file could not be executed: nothing that stops an up.
    """

    direction: Direction
    version: str
    label: str
    script: Script
    migration: Migration
    execution: Execution | None = None
    notes: tuple[str, ...] = ()
    begun: tuple[Statement, ...] = ()
    down_faults: tuple[MigrationError, ...] = ()

    @property
    def done_before(self) -> int:
        """How many statements an earlier execution without a transaction has executed."""
        if self.script.mode == "transaction" or self.execution is None:
            return 0
        if self.direction == "down":
            return self.execution.undoing.done if self.execution.undoing else 0
        return self.execution.statements_done

    @property
    def mark(self) -> str | None:
        """What the history keeps of the statement in which an earlier run was stopped; None if it keeps nothing."""
        if self.execution is None:
            return None
        if self.direction == "down":
            return self.execution.undoing.mark if self.execution.undoing else None
        return self.execution.unfinished


@dataclass(frozen=True)
class Plan:
    """The steps of a run.

    Attributes:
        direction: ``up`` or ``down``.
        rows: The rows from which the plan was made.
        steps: The steps, in the order of their execution.
        dry_run: Whether everything is rolled back.
        notes: Faults of files that are not executed, and what else the user has to know about the folder.
        folds: What becomes the row of a squashed migration, each with its place among the steps.
        opened: The squashed migrations of which the database has a part.
    """

    direction: Direction
    rows: tuple[Row, ...]
    steps: tuple[Step, ...] = ()
    dry_run: bool = False
    notes: tuple[SqlmigrateError, ...] = ()
    folds: tuple[Fold, ...] = ()
    opened: tuple[Opened, ...] = ()

    def folds_after(self, steps: int) -> tuple[Fold, ...]:
        """Return what is folded when so many steps are executed, before the next one."""
        return tuple(each for each in self.folds if each.after == steps)

    def next_fold(self, steps: int) -> int:
        """Return how many steps are executed at the first fold after so many of them; all of them if none follows."""
        return min((each.after for each in self.folds if each.after > steps), default=len(self.steps))


@dataclass(frozen=True)
class Planned:
    """The first event of a run: the plan, and the database. It comes again if another run has changed the history.

    Attributes:
        plan: The plan.
        state: The database and its history, from which the plan was made.
    """

    plan: Plan
    state: State
