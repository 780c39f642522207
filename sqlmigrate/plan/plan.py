"""The values of a plan: what is selected, what limits a run, the steps, the plan.

The same plan is shown by `status`, executed by `up`, and tried by `up --dry-run`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from sqlmigrate.config.settings import default
from sqlmigrate.files.migration import Migration
from sqlmigrate.history.state import Execution, State

from .rows import Row

if TYPE_CHECKING:
    from sqlmigrate.parsing.script import Script


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
    """

    to: str | None = None
    steps: int | None = None
    all: bool = False
    out_of_order: bool = False


DEFAULT_SELECTION = Selection()


@dataclass(frozen=True)
class Limits:
    """How long a run waits for others.

    Attributes:
        lock_wait: How long to wait for another run on the same history, in seconds.
        lock_timeout: PostgreSQL's `lock_timeout` for each migration, with its unit: ``5s``, ``500ms``.
        lock_retries: How many times a migration is tried again that did not get its locks.
    """

    lock_wait: float = default("lock_wait")
    lock_timeout: str = default("lock_timeout")
    lock_retries: int = default("lock_retries")


DEFAULT_LIMITS = Limits()


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
