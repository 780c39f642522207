"""Removes what an earlier run has left behind of a statement that is another one now."""

from __future__ import annotations

from sqlmigrate.database.session import COMMIT, Request
from sqlmigrate.history import write
from sqlmigrate.history.state import Undoing

from . import batch, resume
from .batch import Part
from .events import Recovered
from .step_run import Attempt, StepRun, tell_nothing


def clean_up(run: StepRun) -> Attempt:
    """Remove what is left, and record that this is done; gives the first request that failed.

    Raises:
        HistoryError: The statement took effect, or only the same statement can finish what it has begun.
    """
    step, history = run.step, run.state.history
    found = resume.cleaning_up(run.session, step)
    if found.said:
        yield Recovered(step, step.done_before + 1, found.said)
    undoing = Undoing(step.done_before, run.total) if step.direction == "down" else None
    forgetting = (Request("begin"), *batch.AS_OURSELVES, write.clear_mark(history, step.version, undoing), COMMIT)
    for requests in (*([Request(each)] for each in found.first), forgetting):
        if refusal := (yield from run.send([Part(each) for each in requests], tell_nothing)):
            return refusal
    return None
