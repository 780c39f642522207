"""Keeps from the events of a run what it has done, so that every ending can tell the state of the database."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Self

from sqlmigrate.errors import NOTHING_EXECUTED, SqlmigrateError
from sqlmigrate.executor.events import Began, Event, Failed, Finished
from sqlmigrate.plan.plan import Direction, Step


@dataclass
class RunSummary:
    """What a run has done so far.

    As a context manager it adds the state of the database to an error that leaves its block without one, or that
    comes after a migration was executed.

    Attributes:
        direction: up or down.
        is_rehearsed: whether everything is rolled back in the end.
        executed: the steps that are done, in order.
        under_way: the step that is being executed.
        failed: the failure that ended the run.
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
        """Remember what an event says."""
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
        """The state of the database, in a sentence."""
        if self.is_rehearsed and (self.executed or self.under_way):
            return "what was tried is rolled back: the database is as it was before"
        if not self.executed:
            return NOTHING_EXECUTED
        stays = "stays executed" if self.direction == "up" else "is taken back"
        return f"{self.executed[-1].label} {stays}, nothing after it was started"

    def interruption(self) -> SqlmigrateError:
        """Return the error of an interrupted run, to be shown if no failure was shown."""
        if self.under_way and not self.is_rehearsed:
            state = f"{self.under_way.label} was being executed and may still be: the history will show how it ended"
            return SqlmigrateError("interrupted", state=state, next_steps=["sqlmigrate status"])
        return SqlmigrateError("interrupted", state=self.state, next_steps=[f"sqlmigrate {self.direction}"])
