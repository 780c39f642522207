"""The dry run: everything in one transaction that is rolled back."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from sqlmigrate.database.session import Request, Session
from sqlmigrate.executor.events import Began, Event, Failed, Folded, NotTried
from sqlmigrate.executor.executor import Executor
from sqlmigrate.executor.folding import fold
from sqlmigrate.executor.shared_transaction import why_not_tried
from sqlmigrate.history import table
from sqlmigrate.history.state import State
from sqlmigrate.plan.plan import Limits, Plan, Step


def rehearse(session: Session, executor: Executor, plan: Plan, state: State, limits: Limits) -> Iterator[Event]:
    """Execute the steps in one transaction, up to the first that fails or cannot be tried, and roll it back.

    A failure that `up` does not have, because it commits each file, is not one of the dry run either.
    """
    session.ask(Request("begin"), *(() if state.history.exists else table.prepare(state.history)))
    try:
        yield from _steps(session, executor, plan, state, limits)
    finally:
        executor.stop()


def _steps(session: Session, executor: Executor, plan: Plan, state: State, limits: Limits) -> Iterator[Event]:
    steps = plan.steps
    for index, step in enumerate(steps):
        yield from _folds(session, plan, index, state, limits)
        if step.script.mode == "statements":
            yield from _not_tried(steps[index:], "it runs without a transaction, so it cannot be rolled back")
            return
        if step.mark:
            yield from _not_tried(steps[index:], "what an earlier run has left behind has to be removed first")
            return
        yield Began(step)
        for event in executor.rehearse(step):
            why = why_not_tried(event, is_first=index == 0) if isinstance(event, Failed) else None
            if why:
                yield from _not_tried(steps[index:], why)
                return
            yield event
            if isinstance(event, Failed):
                return
    yield from _folds(session, plan, len(steps), state, limits)


def _folds(session: Session, plan: Plan, done: int, state: State, limits: Limits) -> Iterator[Event]:
    for each in plan.folds_after(done):
        fold(session, state, each, limits.lock_timeout, dry_run=True)
        yield Folded(each)


def _not_tried(steps: Sequence[Step], why: str) -> Iterator[NotTried]:
    first = steps[0]
    yield NotTried(first, why)
    for step in steps[1:]:
        yield NotTried(step, f"it comes after {first.label}")
