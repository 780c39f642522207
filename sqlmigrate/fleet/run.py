"""Executes a fleet: looks at all targets, executes the canaries, then the others, several at once.

The histories are the only state. A run that was stopped, or that has failed, is continued by the same call.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import closing, suppress
from dataclasses import replace
from threading import Event as Flag, Lock, Semaphore
from typing import Any

from sqlmigrate.catalog.read import forget
from sqlmigrate.errors import SqlmigrateError
from sqlmigrate.executor.events import Blocked, Event, Failed, Finished, Folded, NotTried, Pausing, Postponed, Waiting
from sqlmigrate.executor.step_run import pause_after
from sqlmigrate.files.migration import Folder, remembering
from sqlmigrate.history.state import INTERRUPTED
from sqlmigrate.history.table import DEFAULT_TABLE
from sqlmigrate.operations import up_down
from sqlmigrate.output.error_lines import what_happened
from sqlmigrate.plan.plan import (
    DEFAULT_DRIFT,
    DEFAULT_LIMITS,
    DEFAULT_SELECTION,
    Direction,
    DriftPolicy,
    Limits,
    Planned,
    Selection,
)
from sqlmigrate.times import after, seconds_until

from .advice import for_target
from .brake import Brake
from .look import Order, look, require_own_histories
from .policy import DEFAULT_POLICY, FleetPolicy, most_failures
from .pool import Pool
from .queue import Job, Queue
from .results import SETTLED, Ended, FleetEvent, Look, Looked, Queued, Started, Summary, Told, state_of_error
from .target import Target, require_different

CANARY = "canary"
Tell = Callable[[FleetEvent], None]
Work = Callable[[Job, Tell], float | None]
_TICK_SECONDS = 0.5  # so often a thread notices that it has to stop, while a statement is executed


def fleet(  # noqa: PLR0913 - the library's keyword arguments, each with a default
    targets: Sequence[Target],
    migrations: Folder,
    *,
    direction: Direction = "up",
    selection: Selection = DEFAULT_SELECTION,
    table: str = DEFAULT_TABLE,
    limits: Limits = DEFAULT_LIMITS,
    drift: DriftPolicy = DEFAULT_DRIFT,
    dry_run: bool = False,
    policy: FleetPolicy = DEFAULT_POLICY,
    ask: Callable[[Summary], bool] | None = None,
) -> Generator[Told, None, None]:
    """Execute the pending migrations of many databases or schemas, and yield each event with its target.

    First each target is looked at (`Looked`). A target whose files were changed, are missing or out of order, that
    another tool looks after, or that cannot be reached is left out. Then the others are executed; `Ended` is the last
    event of each. Closing the generator cancels what is being executed, and its histories record that.

    Args:
        targets: The databases or schemas.
        migrations: The folder, as `load` gives it.
        direction: ``up`` or ``down``.
        selection: The migrations that are asked for; by default all that are pending, or the last executed one.
        table: The history table, without a schema where targets are schemas.
        limits: How long to wait for other runs and for locks.
        drift: What to do if a schema was changed by hand.
        dry_run: Execute everything in one transaction for each target, and roll it back.
        policy: How many at once, and what ends it.
        ask: Called when the canaries are executed; if it returns false, no other target is begun.

    Raises:
        ConfigError: Two targets have one name, or are the same database and schema.
    """
    order = Order(direction, remembering(migrations), selection, table, limits, drift, is_dry_run=dry_run)
    run = FleetRun(targets, order, policy, ask)
    try:
        yield from run.events()
    finally:
        for _ in run.stopped():
            pass


class FleetRun:
    """One run of a fleet.

    Attributes:
        summary: What the run has done so far.
    """

    def __init__(
        self,
        targets: Sequence[Target],
        order: Order,
        policy: FleetPolicy,
        ask: Callable[[Summary], bool] | None = None,
        confirm: Callable[[Summary], None] | None = None,
    ) -> None:
        """Prepare a run; `confirm` is called when all are looked at, and raises what ends it.

        Raises `ConfigError` for targets that are the same, and for a wrong policy.
        """
        require_different(targets)
        require_own_histories(tuple(targets), order.table)
        self.summary = Summary(targets)
        self._order = order
        self._policy = policy
        self._ask = ask
        self._confirm = confirm
        self._stop = Flag()
        self._lock = Lock()
        self._brake = Brake(most_failures(policy.max_failures, len(targets)))
        self._observers = Semaphore(1)  # one more connection than threads
        self._pool: Pool[FleetEvent] | None = None
        self._queue: Queue | None = None

    def events(self) -> Iterator[Told]:
        """Look at all targets, and execute those that need it; yields what happens to each."""
        summary = self.summary
        for told in self._in_threads(summary.targets, self._look, self._policy.jobs):
            if len(summary.looks) == len(summary.targets):
                pending = [target for target in summary.targets if summary.state(target) == "not begun"]
                summary.canaries = tuple(target.name for target in self._canaries(pending))
            yield told
        left_out = summary.named("left out", "unreachable")
        if self._policy.is_strict and left_out:
            summary.stopped = f"{len(left_out)} left out, and --strict is set"
            return
        pending = [target for target in summary.targets if summary.state(target) == "not begun"]
        if pending and self._confirm:
            self._confirm(summary)
        canaries = [target for target in pending if target.name in summary.canaries]
        yield from self._in_threads(canaries, self._execute, 1)
        if canaries and len(summary.named(*SETTLED)) < len(canaries) + len(summary.named("up to date")):
            failed = [target.name for target in canaries if summary.state(target) == "failed"]
            what = f"a canary failed: {', '.join(failed)}" if failed else "a canary is not done"
            summary.stopped = f"{what}; no other target is begun"
        others = [target for target in pending if target not in canaries]
        if summary.stopped or not others:
            return
        if canaries and self._ask and not self._ask(summary):
            summary.stopped = "the answer was no"
            return
        yield from self._in_threads(others, self._execute, self._policy.jobs)

    def stopped(self) -> Iterator[Told]:
        """Begin nothing new, cancel what is under way, and yield what happens until that has ended."""
        self._stop.set()
        if self._pool:
            begun = [job for job in self._pool.leave() if job.target.name in self.summary.looks]
            yield from self._kept((job.target, _interrupted(job)) for job in begun)
            yield from self._kept(self._pool.events())
            yield from self._kept(self._given_up())

    def _canaries(self, pending: Sequence[Target]) -> Sequence[Target]:
        tagged = [target for target in pending if CANARY in target.tags]
        return tagged or pending[: self._policy.canaries]

    def _in_threads(self, targets: Sequence[Target], work: Work, threads: int) -> Iterator[Told]:
        if not targets:
            return
        looks = self.summary.looks
        jobs = [Job(target, looks.get(target.name, Look()).is_alone) for target in targets]
        self._queue = Queue(jobs, self._policy.per_server)
        self._pool = Pool(self._queue, work, min(threads, len(targets)))
        yield from self._kept(self._pool.events())
        yield from self._kept(self._given_up())

    def _given_up(self) -> Iterator[Told]:
        """Tell of targets that had begun, were in the queue for locks, and do not begin again."""
        for job in self._queue.left() if self._queue else ():
            if job.spent:
                yield job.target, _interrupted(job)

    def _kept(self, events: Iterable[Told]) -> Iterator[Told]:
        for target, event in events:
            self.summary.keep(target, event)
            self.summary.stopped = self.summary.stopped or self._brake.reason
            yield target, event

    # what the threads do

    def _look(self, job: Job, tell: Tell) -> None:
        tell(Looked(look(job.target, self._order)))

    def _execute(self, job: Job, tell: Tell) -> float | None:
        """Execute one target to its end, or until it waits for others; returns the pause then."""
        try:
            return self._execute_once(job, tell)
        finally:
            forget()

    def _execute_once(self, job: Job, tell: Tell) -> float | None:
        tell(Started())
        began = time.monotonic()
        try:
            ended = self._run(job, tell)
        except Postponed:
            if not self._stop.is_set():
                job.spent += time.monotonic() - began
                next_try = job.next_try or after(pause_after(1))
                pause = seconds_until(next_try)
                tell(Queued(pause, next_try))
                return pause
            ended = Ended("interrupted")
        except SqlmigrateError as error:
            error = for_target(error, job.target, self._order.table)
            ended = Ended(state_of_error(error, job.executed), job.executed, error)
        spent = round((job.spent + time.monotonic() - began) * 1000)
        self._end(replace(ended, executed=job.executed, not_tried=job.not_tried, duration_ms=spent), tell)
        return None

    def _end(self, ended: Ended, tell: Tell) -> None:
        with self._lock:
            self._brake.keep(ended)
            if self._brake.reason and self._queue:
                self._queue.close()
        tell(ended)

    def _run(self, job: Job, tell: Tell) -> Ended:
        failed = None
        with closing(self._happening(job)) as happening:
            for event in self._until_stopped(happening, job):
                if self._pool:
                    self._pool.keep(job)
                tell(event)
                failed = event if isinstance(event, Failed) else None
                _note(job, event, self._order.limits.lock_wait)
                if isinstance(event, Pausing) and self._is_needed():
                    happening.throw(Postponed())
        if failed:
            failed = self._with_state(failed)
            return _cut_off(failed) if job.is_cut else _failed(failed)
        if job.is_cut and job.left:
            return Ended("interrupted")
        if self._order.is_dry_run and (job.executed or job.not_tried):
            return Ended("tried" if not job.not_tried else "tried in part" if job.executed else "not tried")
        return Ended("done" if job.executed else "up to date")

    def _with_state(self, failed: Failed) -> Failed:
        """Let the error say what the step has left in the database."""
        left = ["the dry run was rolled back: the database is unchanged"]
        left = left if self._order.is_dry_run else what_happened(failed)
        return replace(failed, error=failed.error.with_(state="; ".join(left)))

    def _until_stopped(self, happening: Generator[Event, None, None], job: Job) -> Iterator[Event]:
        """Yield the events of a run; if the fleet has to stop, interrupt the run, and yield how its steps have ended.

        A step that was about to be committed may be executed all the same: its history is asked then.
        """
        for event in happening:
            yield event
            is_over = isinstance(event, Failed) or (isinstance(event, (Finished, Folded)) and not job.left)
            is_pause = isinstance(event, (Blocked, Waiting, Pausing))  # at the next `Pausing` it is put off
            if self._stop.is_set() and not is_over and not is_pause:
                break
        else:
            return
        job.is_cut = True
        with suppress(KeyboardInterrupt):
            yield happening.throw(KeyboardInterrupt())
            yield from happening

    def _happening(self, job: Job) -> Generator[Event, None, None]:
        order, target, selection = self._order, job.target, self._order.selection
        options: dict[str, Any] = {
            "table": order.table,
            "schema": target.schema,
            "limits": self._limits(job),
            "drift": order.drift,
            "dry_run": order.is_dry_run,
            "tick": _TICK_SECONDS,
            "observers": self._observers,
            "run": self.summary.run,
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

    def _limits(self, job: Job) -> Limits:
        """Return the limits of a run that may have been in the queue: its tries and its waits are counted together."""
        limits = self._order.limits
        left = limits.lock_wait
        if job.waits_until is not None:
            left = max(0.0, job.waits_until - time.monotonic())
        return replace(limits, blocked=job.blocked, waited=limits.lock_wait - left)

    def _is_needed(self) -> bool:
        """Tell whether a thread that waits for others has to do something else: another target, or to stop."""
        return self._stop.is_set() or (self._queue is not None and self._queue.is_needed())


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


def _failed(failed: Failed) -> Ended:
    if failed.is_known:
        return Ended(state_of_error(failed.error), error=failed.error, migration=failed.step.label, kept=failed.kept)
    error = failed.error.with_(state="; ".join(failed.kept), next_steps=["sqlmigrate fleet status"])
    return Ended("not known", error=error, migration=failed.step.label, kept=failed.kept)


def _cut_off(failed: Failed) -> Ended:
    """Return how a run has ended whose step was cut short; it may have failed just before."""
    ended = _failed(failed)
    if failed.is_known and failed.error.message.startswith(INTERRUPTED):
        return replace(ended, state="interrupted", error=None)
    return ended


def _interrupted(job: Job) -> Ended:
    return Ended("interrupted", job.executed, duration_ms=round(job.spent * 1000))
