"""Threads that work through a queue of targets, and tell what happens to the thread that reads."""

from __future__ import annotations

import queue
from collections.abc import Callable, Iterator, Sequence
from threading import Thread
from typing import Generic, TypeVar

from .queue import Job, Queue
from .target import Target

T = TypeVar("T")  # what is told of a target

_WAKE_SECONDS = 0.5  # so often Ctrl-C is noticed while nothing happens


class Pool(Generic[T]):
    """Threads that work through a queue; `events` tells what happens to the targets, in the order of the events.

    What is told waits in memory until it is read: who reads slowly does not hold locks.
    """

    def __init__(self, jobs: Queue, work: Callable[[Job, Callable[[T], None]], float | None], threads: int) -> None:
        """Prepare the threads; `work` does one job, and returns its pause in the queue, None if it is done."""
        self._queue = jobs
        self._work = work
        self._told: queue.SimpleQueue[tuple[Target, T] | BaseException | None] = queue.SimpleQueue()
        self._threads = [Thread(target=self._run, daemon=True) for _ in range(threads)]
        self._is_started = False
        self._left = threads

    def events(self) -> Iterator[tuple[Target, T]]:
        """Start the threads, and yield what happens, until all have ended; goes on where it was left.

        An error that is not one of a target is raised here.
        """
        if not self._is_started:
            self._is_started = True
            for thread in self._threads:
                thread.start()
        while self._left:
            try:
                told = self._told.get(timeout=_WAKE_SECONDS)
            except queue.Empty:
                continue
            if told is None:
                self._left -= 1
            elif isinstance(told, BaseException):
                self._queue.close()
                raise told
            else:
                yield told

    def _run(self) -> None:
        try:
            while job := self._queue.take():
                self._do(job)
        except BaseException as error:  # noqa: BLE001 - it is raised in the thread that reads
            self._told.put(error)
        finally:
            self._told.put(None)

    def _do(self, job: Job) -> None:
        pause = None
        try:
            pause = self._work(job, lambda event: self._told.put((job.target, event)))
        finally:
            self._queue.give_back(job, pause)


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
