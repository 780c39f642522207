"""Executes a fleet: looks at all targets, executes the canaries, then the others, several at once.

The histories are the only state. A run that was stopped, or that has failed, is continued by the same call.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from threading import Event as Flag, Lock, Semaphore

from sqlmigrate.catalog.read import forget
from sqlmigrate.files.migration import Folder, remembering
from sqlmigrate.history.table import DEFAULT_TABLE
from sqlmigrate.plan.plan import (
    DEFAULT_DRIFT,
    DEFAULT_LIMITS,
    DEFAULT_SELECTION,
    Direction,
    DriftPolicy,
    Limits,
    Selection,
)

from .advice import Commands
from .brake import Brake
from .edited import left_out_for_edits
from .look import Order, left_out_as_same, look, require_known_version, require_own_histories
from .policy import DEFAULT_POLICY, FleetPolicy, most_failures
from .pool import Pool
from .queue import Job, Queue
from .results import SETTLED, Ended, FleetEvent, Look, Looked, State, Summary, Told
from .target import CANARY, Target, require_different
from .target_run import Surroundings, Tell, execute, interrupted

Work = Callable[[Job, Tell], float | None]


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
    another tool looks after, or that cannot be reached is left out. So is one that needs a file which others have
    executed with another text, while none has executed the text of today. Then the others are executed. `Ended` is the
    last event of each target, also of one that was left out, had nothing to do, or was not begun. Closing the generator
    cancels what is being executed, and its histories record that.

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
        ask: Called before targets that are no canaries are begun, also if there are no canaries; if it returns false,
            none is.

    Raises:
        ConfigError: Two targets have one name, or are the same database and schema; or neither the folder nor any
            history has the version that the selection names.
    """
    commands = Commands(table)
    order = Order(
        direction, remembering(migrations), selection, table, limits, drift, is_dry_run=dry_run, commands=commands
    )
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
        self.summary = Summary(targets, order.commands.ask_all, is_dry_run=order.is_dry_run)
        self._order = order
        self._policy = policy
        self._ask = ask
        self._confirm = confirm
        self._stop = Flag()
        self._lock = Lock()
        self._brake = Brake(most_failures(policy.max_failures, len(targets)))
        self._pool: Pool[FleetEvent] | None = None
        self._queue: Queue | None = None
        observers = Semaphore(1)  # one more connection than threads
        self._around = Surroundings(order, self.summary.run, self._stop, observers, self._keep, self._is_needed)

    def events(self) -> Iterator[Told]:
        """Look at all targets, and execute those that need it; yields what happens to each, `Ended` at last."""
        yield from self._executed()
        yield from self._without_a_run()

    def _executed(self) -> Iterator[Told]:
        summary = self.summary
        pending: list[Target] = []
        for told in self._in_threads(summary.targets, self._look, self._policy.jobs):
            if len(summary.looks) == len(summary.targets):
                require_known_version(summary.looks.values(), self._order)
                summary.looks |= left_out_as_same(summary.looks, summary.targets)
                summary.looks |= left_out_for_edits(summary.looks, self._order)
                pending = [target for target in summary.targets if summary.state(target) == "not begun"]
                summary.canaries = tuple(target.name for target in self._canaries(pending))
            yield told
        yield from self._without_a_run("left out", "unreachable", "up to date")
        left_out = summary.named("left out", "unreachable")
        if self._policy.is_strict and left_out:
            summary.reason = f"{len(left_out)} left out, and --strict is set"
            return
        if pending and self._confirm:
            self._confirm(summary)
        canaries = [target for target in pending if target.name in summary.canaries]
        yield from self._in_threads(canaries, self._execute, 1)
        if any(summary.state(target) not in SETTLED for target in canaries):
            failed = [target.name for target in canaries if summary.state(target) == "failed"]
            what = f"canary {', '.join(failed)} failed" if failed else "the canary is not done"
            summary.reason = f"{what}, so the other targets were not begun"
        others = [target for target in pending if target not in canaries]
        if summary.reason or not others:
            return
        if self._ask and not self._ask(summary):
            summary.reason = "the answer was no"
            return
        yield from self._in_threads(others, self._execute, self._policy.jobs)

    def stopped(self) -> Iterator[Told]:
        """Begin nothing new, cancel what is under way, and yield what happens until that has ended."""
        self._stop.set()
        if self._pool:
            begun = [job for job in self._pool.leave() if job.target.name in self.summary.looks]
            yield from self._kept((job.target, interrupted(job)) for job in begun)
            yield from self._kept(self._pool.events())
            yield from self._kept(self._given_up())
        yield from self._without_a_run()

    def _canaries(self, pending: Sequence[Target]) -> Sequence[Target]:
        tagged = [target for target in pending if target.has_tag(CANARY)]
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
                yield job.target, interrupted(job)

    def _without_a_run(self, *states: State) -> Iterator[Told]:
        """Tell how targets have ended whose run did not begin: those in one of the states, or all that are left."""
        for target in self.summary.targets:
            state = self.summary.state(target)
            if target.name not in self.summary.ended and (not states or state in states):
                ended = Ended(state, error=self.summary.error(target.name), has_run=False)
                self.summary.keep(target, ended)
                yield target, ended

    def _kept(self, events: Iterable[Told]) -> Iterator[Told]:
        for target, event in events:
            self.summary.keep(target, event)
            self.summary.reason = self._brake.reason or self.summary.reason  # it counts those under way
            yield target, event

    # what the threads do

    def _look(self, job: Job, tell: Tell) -> None:
        tell(Looked(look(job.target, self._order)))

    def _execute(self, job: Job, tell: Tell) -> float | None:
        """Execute one target to its end, or until it waits for others; returns the pause then."""
        try:
            ended = execute(job, self._around, tell)
        finally:
            forget()
        if isinstance(ended, float):
            return ended
        with self._lock:
            if not self._stop.is_set():  # then that is why no other is begun
                self._brake.keep(ended)
            if self._brake.reason and self._queue:
                self._queue.close()
        tell(ended)
        return None

    def _keep(self, job: Job) -> None:
        if self._pool:
            self._pool.keep(job)

    def _is_needed(self) -> bool:
        """Tell whether a thread that waits for others has to do something else: another target, or to stop."""
        return self._stop.is_set() or (self._queue is not None and self._queue.is_needed())
