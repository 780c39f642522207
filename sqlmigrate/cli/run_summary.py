"""What a run has done so far, kept from its events: what state it leaves the database in, however it ends."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Self

from sqlmigrate.errors import NOTHING_EXECUTED, SqlmigrateError
from sqlmigrate.executor.events import Began, Event, Failed, Finished
from sqlmigrate.plan.plan import Direction, Step


@dataclass
class RunSummary:
    """What a run has done so far; `is_rehearsed` where all of it is rolled back.

    An error that leaves its block without a `state`, or after a migration was executed, is raised again with the state.
    """

    direction: Direction
    is_rehearsed: bool = False
    executed: list[Step] = field(default_factory=list)
    under_way: Step | None = None
    failed: Failed | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, _kind: object, error: BaseException | None, _traceback: object) -> None:
        if isinstance(error, SqlmigrateError) and (self.executed or error.state is None):
            raise error.with_(state=self.state) from None

    def keep(self, event: Event) -> None:
        """Take note of an event."""
        match event:
            case Began(step):
                self.under_way = step
            case Finished(step):
                self.under_way = None
                self.executed.append(step)
            case Failed():
                self.under_way, self.failed = None, event
            case _:
                pass

    @property
    def state(self) -> str:
        """The state of the database in a sentence, for an error that knows nothing of it."""
        if self.is_rehearsed and (self.executed or self.under_way):
            return "nothing stays of what was tried: the database is as it was"
        if not self.executed:
            return NOTHING_EXECUTED
        stays = "stays executed" if self.direction == "up" else "is taken back"
        return f"{self.executed[-1].label} {stays}, nothing after it was begun"

    def interruption(self) -> SqlmigrateError:
        """Make the error of a run that was interrupted, for when no failure tells of it."""
        if self.under_way and not self.is_rehearsed:
            state = f"{self.under_way.label} was under way, and may be still: the history will say what became of it"
            return SqlmigrateError("interrupted", state=state, next_steps=["sqlmigrate status"])
        return SqlmigrateError("interrupted", state=self.state, next_steps=[f"sqlmigrate {self.direction}"])
