"""What a run has done so far, collected from its events: for its totals, and for the state that an error tells."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Self

from sqlmigrate.errors import NOTHING_EXECUTED, SqlmigrateError
from sqlmigrate.executor.events import Began, Event, Failed, Finished, Folded, NotTried
from sqlmigrate.plan.plan import Direction, Step


@dataclass
class RunSummary:
    """What a run has done so far.

    As a context manager it completes errors: one that leaves the block without a `state`, or after a migration was
    executed, is raised again with the state of the database.

    Attributes:
        direction: ``up`` or ``down``.
        is_dry_run: Whether everything is rolled back.
        executed: The steps that succeeded, in their order.
        current: The step that is being executed.
        failed: The failure with which the run ended.
        folded: How many folds of the history were done.
    """

    direction: Direction
    is_dry_run: bool = False
    executed: list[Step] = field(default_factory=list)
    current: Step | None = None
    failed: Failed | None = None
    folded: int = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, _kind: object, error: BaseException | None, _traceback: object) -> None:
        if isinstance(error, SqlmigrateError) and (self.executed or error.state is None):
            raise error.with_(state=self.state) from None

    def keep(self, event: Event) -> None:
        """Remember what an event says."""
        match event:
            case Began(step):
                self.current = step
            case Finished(step):
                self.current = None
                self.executed.append(step)
            case Failed():
                self.current, self.failed = None, event
            case NotTried():
                self.current = None
            case Folded():
                self.folded += 1
            case _:
                pass

    @property
    def state(self) -> str:
        """The state of the database in a sentence, for an error that does not know it."""
        if self.is_dry_run and (self.executed or self.current):
            return "the dry run was rolled back: the database is unchanged"
        if not self.executed:
            return NOTHING_EXECUTED
        stays = "stays executed" if self.direction == "up" else "is undone"
        return f"{self.executed[-1].label} {stays}; nothing after it was executed"

    def interruption(self) -> SqlmigrateError:
        """Return the error of an interrupted run, for when no failed step tells about it."""
        if self.current and not self.is_dry_run:
            state = f"{self.current.label} was being executed and may still be: the history shows how it ended"
            return SqlmigrateError("interrupted", state=state, next_steps=["sqlmigrate status"])
        return SqlmigrateError("interrupted", state=self.state, next_steps=[f"sqlmigrate {self.direction}"])
