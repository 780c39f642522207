"""The values of a plan: what is selected, the steps, the plan.

The same plan is shown by `status`, executed by `up`, and tried by `up --dry-run`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from sqlmigrate.files.migration import Migration
from sqlmigrate.history.state import Execution, State

from .rows import Row

if TYPE_CHECKING:
    from sqlmigrate.parsing.script import Script


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
