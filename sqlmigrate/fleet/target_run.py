"""One run on one target of a fleet: its events, and how it ends; it waits for others in the queue, not here."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterator
from contextlib import closing, suppress
from dataclasses import dataclass, replace
from threading import Event as Flag, Semaphore
from typing import Any

from sqlmigrate.errors import SqlmigrateError
from sqlmigrate.executor.events import Blocked, Event, Failed, Finished, Folded, NotTried, Pausing, Postponed, Waiting
from sqlmigrate.executor.step_run import pause_after
from sqlmigrate.history.state import INTERRUPTED
from sqlmigrate.operations import up_down
from sqlmigrate.output.error_lines import what_happened
from sqlmigrate.plan.plan import Limits, Planned
from sqlmigrate.times import after, seconds_until

from .advice import Commands, advised, for_target
from .look import Order
from .queue import Job
from .results import Ended, FleetEvent, Queued, Started, state_of_error

Tell = Callable[[FleetEvent], None]
_TICK_SECONDS = 0.5  # so often a thread notices that it has to stop, while a statement is executed


@dataclass(frozen=True)
class Surroundings:
    """What a run on one target has to do with the whole fleet.

    Attributes:
        order: What is to be done.
        run: What the logs of all databases call the run.
        stop: Set when the fleet has to stop.
        observers: How many more connections may look at statements that take long.
        keep: Called when the target may be changed from now on.
        is_needed: Tells whether a thread that waits for others has to do something else.
    """

    order: Order
    run: str
    stop: Flag
    observers: Semaphore
    keep: Callable[[Job], None]
    is_needed: Callable[[], bool]


def execute(job: Job, around: Surroundings, tell: Tell) -> Ended | float:
    """Execute one target to its end, and return how it has ended; or its pause in seconds, if it waits for others."""
    tell(Started())
    began = time.monotonic()
    try:
        ended = _run(job, around, tell)
    except Postponed:
        if not around.stop.is_set():
            job.spent += time.monotonic() - began
            next_try = job.next_try or after(pause_after(1))
            pause = seconds_until(next_try)
            tell(Queued(pause, next_try))
            return pause
        ended = Ended("interrupted")
    except SqlmigrateError as error:
        error = for_target(error, job.target, around.order.commands)
        ended = Ended(state_of_error(error, job.executed), job.executed, error)
    spent = round((job.spent + time.monotonic() - began) * 1000)
    return replace(ended, executed=job.executed, not_tried=job.not_tried, duration_ms=spent)


def interrupted(job: Job) -> Ended:
    """Return how a target has ended that had begun, and does not go on."""
    return Ended("interrupted", job.executed, duration_ms=round(job.spent * 1000))


def _run(job: Job, around: Surroundings, tell: Tell) -> Ended:
    failed, order = None, around.order
    with closing(_happening(job, around)) as happening:
        for happened in _until_stopped(happening, job, around.stop):
            event = advised(happened, job.target, order.commands)
            around.keep(job)
            tell(event)
            failed = event if isinstance(event, Failed) else None
            _note(job, event, order.limits.lock_wait)
            if isinstance(event, Pausing) and around.is_needed():
                happening.throw(Postponed())
    if failed:
        failed = _with_state(failed, order)
        return _cut_off(failed, order.commands) if job.is_cut else _failed(failed, order.commands)
    if job.is_cut and job.left:
        return Ended("interrupted")
    if order.is_dry_run and (job.executed or job.not_tried):
        return Ended("tried" if not job.not_tried else "tried in part" if job.executed else "not tried")
    return Ended("done" if job.executed else "up to date")


def _until_stopped(happening: Generator[Event, None, None], job: Job, stop: Flag) -> Iterator[Event]:
    """Yield the events of a run; if the fleet has to stop, interrupt the run, and yield how its steps have ended.

    A step that was about to be committed may be executed all the same: its history is asked then.
    """
    for event in happening:
        yield event
        is_over = isinstance(event, Failed) or (isinstance(event, (Finished, Folded)) and not job.left)
        is_pause = isinstance(event, (Blocked, Waiting, Pausing))  # at the next `Pausing` it is put off
        if stop.is_set() and not is_over and not is_pause:
            break
    else:
        return
    job.is_cut = True
    with suppress(KeyboardInterrupt):
        yield happening.throw(KeyboardInterrupt())
        yield from happening


def _happening(job: Job, around: Surroundings) -> Generator[Event, None, None]:
    order, target, selection = around.order, job.target, around.order.selection
    options: dict[str, Any] = {
        "table": order.table,
        "schema": target.schema,
        "limits": _limits(job, order.limits),
        "drift": order.drift,
        "dry_run": order.is_dry_run,
        "tick": _TICK_SECONDS,
        "observers": around.observers,
        "run": around.run,
    }
    steps = None if selection.steps is None else selection.steps - len(job.executed)
    if order.direction == "up":
        return up_down.up(
            target.url,
            order.migrations,
            to=selection.to,
            steps=steps,
            out_of_order=selection.out_of_order,
            into_existing=selection.into_existing,
            **options,
        )
    return up_down.down(target.url, order.migrations, to=selection.to, steps=steps, all=selection.all, **options)


def _limits(job: Job, limits: Limits) -> Limits:
    """Return the limits of a run that may have been in the queue: its tries and its waits are counted together."""
    left = limits.lock_wait
    if job.waits_until is not None:
        left = max(0.0, job.waits_until - time.monotonic())
    return replace(limits, blocked=job.blocked, waited=limits.lock_wait - left)


def _note(job: Job, event: FleetEvent, lock_wait: float) -> None:
    """Keep in the job what has to be known after a time in the queue."""
    if isinstance(event, Planned):
        plan = event.plan
        job.left = (*(step.label for step in plan.steps), *(fold.migration.label for fold in plan.folds))
    elif isinstance(event, (Finished, Folded)):
        label = event.step.label if isinstance(event, Finished) else event.fold.migration.label
        job.executed = (*job.executed, label)
        job.left = tuple(each for each in job.left if each != label)
    elif isinstance(event, NotTried):
        job.not_tried = (*job.not_tried, event)
    elif isinstance(event, Failed):
        gone = {step.label for step in event.gone}
        job.executed = tuple(each for each in job.executed if each not in gone)
    elif isinstance(event, Blocked):
        job.blocked, job.next_try = job.blocked + 1, event.next_try
    elif isinstance(event, Waiting):
        job.next_try = None
        if job.waits_until is None:
            job.waits_until = time.monotonic() + lock_wait


def _with_state(failed: Failed, order: Order) -> Failed:
    """Let the error say what the step has left in the database."""
    left = ["the dry run was rolled back: the database is unchanged"]
    left = left if order.is_dry_run else what_happened(failed)
    return replace(failed, error=failed.error.with_(state="; ".join(left)))


def _failed(failed: Failed, commands: Commands) -> Ended:
    if failed.is_known:
        return Ended(state_of_error(failed.error), error=failed.error, migration=failed.step.label, kept=failed.kept)
    error = failed.error.with_(state="; ".join(failed.kept), next_steps=[commands.fleet("status", "", "")])
    return Ended("not known", error=error, migration=failed.step.label, kept=failed.kept)


def _cut_off(failed: Failed, commands: Commands) -> Ended:
    """Return how a run has ended whose step was cut short; it may have failed just before."""
    ended = _failed(failed, commands)
    if failed.is_known and failed.error.message.startswith(INTERRUPTED):
        return replace(ended, state="interrupted", error=None)
    return ended
