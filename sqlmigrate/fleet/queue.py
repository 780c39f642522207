"""The queue of targets: which one is next, and how many may be under way at once."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime
from threading import Condition

from sqlmigrate.executor.events import NotTried

from .target import Target

_LOOK_SECONDS = 0.25


@dataclass(eq=False)
class Job:
    """A target that is to be executed.

    Attributes:
        target: The target.
        is_alone: Whether no other target of its database may be under way with it.
        not_before: When it may begin, by the monotonic clock.
        blocked: How often it did not get its locks so far.
        waits_until: Until when it waits for another run, by the monotonic clock; None if it has not met one.
        next_try: When it tries again to get its locks, in UTC; None if it does not wait for locks.
        executed: The labels of the migrations that were executed so far.
        left: The labels of those that its run has planned, and not executed yet.
        not_tried: What a dry run could not try.
        is_cut: Whether its run was interrupted.
        spent: How long it was under way so far, in seconds.
    """

    target: Target
    is_alone: bool = False
    not_before: float = 0.0
    blocked: int = 0
    waits_until: float | None = None
    next_try: datetime | None = None
    executed: tuple[str, ...] = ()
    left: tuple[str, ...] = ()
    not_tried: tuple[NotTried, ...] = ()
    is_cut: bool = False
    spent: float = 0.0


class Queue:
    """Gives jobs to threads: in their order, with at most `per_server` of one server under way."""

    def __init__(self, jobs: Iterable[Job], per_server: int | None = None) -> None:
        self._changed = Condition()
        self._waiting = list(jobs)
        self._under_way: dict[str, Job] = {}
        self._per_server = per_server
        self._alone: Collection[tuple[str, ...]] = {job.target.database for job in self._waiting if job.is_alone}
        self._servers: Counter[tuple[str, ...]] = Counter()
        self._databases: Counter[tuple[str, ...]] = Counter()
        self.is_closed = False

    def take(self) -> Job | None:
        """Wait for the next job that may begin; None if there is none any more."""
        with self._changed:
            while True:
                if self.is_closed or not self._waiting:
                    return None
                now = time.monotonic()
                job = next((each for each in self._waiting if each.not_before <= now and self._may_begin(each)), None)
                if job:
                    self._waiting.remove(job)
                    self._servers[job.target.server] += 1
                    self._databases[job.target.database] += 1
                    return job
                self._changed.wait(_LOOK_SECONDS)

    def _may_begin(self, job: Job) -> bool:
        target = job.target
        if self._per_server is not None and self._servers[target.server] >= self._per_server:
            return False
        return target.database not in self._alone or not self._databases[target.database]

    def give_back(self, job: Job, pause: float | None = None) -> None:
        """Note that a job is not under way any more; with a `pause` it goes to the end of the queue, for seconds."""
        with self._changed:
            self._servers[job.target.server] -= 1
            self._databases[job.target.database] -= 1
            if pause is not None:
                job.not_before = time.monotonic() + pause
                self._waiting.append(job)
            self._changed.notify_all()

    def left(self) -> list[Job]:
        """Return the jobs that wait: those that no thread has begun, and those that have to be done again."""
        with self._changed:
            return list(self._waiting)

    def close(self) -> None:
        """Begin no further jobs."""
        with self._changed:
            self.is_closed = True
            self._changed.notify_all()

    def is_needed(self) -> bool:
        """Tell whether a thread that pauses could begin another job at once."""
        with self._changed:
            now = time.monotonic()
            return any(each.not_before <= now for each in self._waiting)
