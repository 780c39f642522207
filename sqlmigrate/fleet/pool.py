"""Threads that work through a queue of targets, and tell what happens to the thread that reads."""

from __future__ import annotations

import queue
from collections.abc import Callable, Iterator, Sequence
from threading import Lock, Thread
from typing import Generic, TypeVar

from .queue import Job, Queue
from .target import Target

T = TypeVar("T")  # what is told of a target

_WAKE_SECONDS = 0.5  # so often Ctrl-C is noticed while nothing happens


class Pool(Generic[T]):
    """Threads that work through a queue; `events` tells what happens to the targets, in the order of the events.

    What is told waits in memory until it is read: who reads slowly does not hold locks.

    A thread may hang: its host does not answer. `leave` does not wait for those that have not changed anything yet.
    The caller has to make sure that they change nothing when they go on.
    """

    def __init__(self, jobs: Queue, work: Callable[[Job, Callable[[T], None]], float | None], threads: int) -> None:
        """Prepare the threads; `work` does one job, and returns its pause in the queue, None if it is done."""
        self._queue = jobs
        self._work = work
        self._told: queue.SimpleQueue[tuple[Target, T] | BaseException | None] = queue.SimpleQueue()
        self._threads = [Thread(target=self._run, name="fleet", daemon=True) for _ in range(threads)]
        self._is_started = False
        self._left = threads
        self._changing = Lock()
        self._under_way: list[Job] = []
        self._kept: list[Job] = []

    def events(self) -> Iterator[tuple[Target, T]]:
        """Start the threads, and yield what happens, until all have ended; goes on where it was left.

        An error that is not one of a target is raised here.
        """
        if not self._is_started:
            self._is_started = True
            for thread in self._threads:
                thread.start()
        while self._left or not self._told.empty():
            try:
                told = self._told.get(timeout=_WAKE_SECONDS)
            except queue.Empty:
                continue
            if isinstance(told, BaseException):
                self._queue.close()
                raise told
            if told is not None:
                yield told

    def keep(self, job: Job) -> None:
        """Note that a job may change its database from now on: `leave` waits for it."""
        with self._changing:
            if job in self._under_way and job not in self._kept:
                self._kept.append(job)

    def leave(self) -> list[Job]:
        """Begin no further jobs, and stop waiting for those that have not changed anything yet; returns these jobs."""
        self._queue.close()
        with self._changing:
            left = [job for job in self._under_way if job not in self._kept]
            self._under_way = [*self._kept]
            self._left -= len(left)
        return left

    def _run(self) -> None:
        try:
            while job := self._queue.take():
                if not self._do(job):
                    return  # `leave` has counted this thread already, and its events are not read
        except BaseException as error:  # noqa: BLE001 - it is raised in the thread that reads
            self._told.put(error)
        # Counted here, not where it is read: a Ctrl-C right after `get` would lose it, and the run would not end.
        with self._changing:
            self._left -= 1
        self._told.put(None)  # wakes who reads

    def _do(self, job: Job) -> bool:
        """Do a job, and tell whether it was waited for; if it was, an error of its work is raised."""
        with self._changing:
            self._under_way.append(job)
        pause, failure = None, None
        try:
            pause = self._work(job, lambda event: self._tell(job, event))
        except BaseException as error:  # noqa: BLE001 - raised below
            failure = error
        with self._changing:
            is_waited_for = job in self._under_way
            self._under_way = [each for each in self._under_way if each is not job]
            self._kept = [each for each in self._kept if each is not job]
        self._queue.give_back(job, pause if is_waited_for else None)
        if failure and is_waited_for:
            raise failure
        return is_waited_for

    def _tell(self, job: Job, event: T) -> None:
        with self._changing:
            if job in self._under_way:
                self._told.put((job.target, event))


def each(
    targets: Sequence[Target], ask: Callable[[Target], T], jobs: int, per_server: int | None
) -> Iterator[tuple[Target, T]]:
    """Ask each target, several at once, and yield the answers as they come; `ask` raises no error of a target."""

    def work(job: Job, tell: Callable[[T], None]) -> None:
        tell(ask(job.target))

    waiting = Queue([Job(target) for target in targets], per_server)
    try:
        yield from Pool(waiting, work, min(jobs, len(targets))).events()
    finally:
        waiting.close()
