"""Steps in transactions that follow each other: each is sent before the answers to those before it have arrived.

Each is a segment of its own, with its own transaction. The first request of each fails unless the step before is done,
by its history row and in the same transaction: so behind a failure, a lock that was not got, a lost connection or a
Ctrl-C nothing more is executed. An open transaction that has failed refuses all that follows by itself, but a COMMIT
that fails has ended its transaction, and the next one would begin.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Sequence
from contextlib import suppress
from functools import partial

import psycopg

from sqlmigrate.database.run_lock import Lock
from sqlmigrate.database.session import Session
from sqlmigrate.plan.plan import Step

from . import batch, resume
from .events import Began, Event
from .step_run import Attempt, OnAnswer, Outcome
from .transaction import TransactionStep

# What may be on its way at once. It has to be enough for a server far away: at 200 ms, a hundred small files are
# executed while the first answer travels. A file that is larger travels alone.
_MOST_BYTES = 1 << 20
_MOST_STEPS = 256


def may_be_sent_ahead(step: Step) -> bool:
    """Tell whether a step can be sent before the answers to the step before it are there.

    The data of a COPY cannot be sent in a pipeline, and what an earlier run has left is looked at first. A down text
    that is partly on disk is read again for the history, which may fail.
    """
    script, down = step.script, step.migration.down
    return (
        script.mode == "transaction"
        and not resume.is_changed(step)
        and all(statement.data is None for statement in script.statements)
        and not (down and down.on_disk)
    )


def _size(step: Step) -> int:
    """Tell about how many bytes are sent for a step: the statements, and the texts for the history."""
    migration = step.migration
    return 2 * len(migration.up.text) + (len(migration.down.text) if migration.down else 0)


class Flight:
    """Executes steps, and keeps as many of them on their way as may be.

    Attributes:
        done: How many steps are done.
        lock: What became of the lock of the run; if it was lost, no further step is sent.
    """

    def __init__(
        self,
        session: Session,
        steps: Sequence[Step],
        prepared: Callable[[Step, Step | None], TransactionStep],
        *,
        is_direct: bool,
    ) -> None:
        """Take steps that `may_be_sent_ahead`; `prepared` makes what executes a step that comes after another one.

        If the connection is not direct, but through a pooler, no step is added to those on their way before all of them
        are done: see `database.pipeline`.
        """
        session.pipeline.prepare_again()  # since the last flight, statements of files were executed
        self._session = session
        self._prepared = prepared
        self._is_direct = is_direct
        self._left = deque(steps)
        self._sent: deque[TransactionStep] = deque()
        self._bytes = 0
        self._last: Step | None = None  # the last that was sent
        self._current: TransactionStep | None = None
        self.done = 0
        self.lock: Lock = "held"

    @property
    def unsettled(self) -> list[TransactionStep]:
        """The step that is being executed, and those sent ahead, unless it is known how they end."""
        current = [self._current] if self._current else []
        behind = [each for each in self._sent if each is not self._current]
        return [each for each in (*current, *behind) if not each.run.is_settled]

    def execute(self) -> Generator[Event, None, Outcome]:
        """Execute the steps one after the other, up to the first that is not done; errors are those of a step."""
        while self._sent or (self._left and self.lock == "held"):
            yield Began(self._sent[0].run.step if self._sent else self._left[0])
            if self._sent:
                self._sent[0].run.start()
            if self._is_direct or not self._sent:
                self._send_ahead()
            step = self._current = self._sent[0]
            outcome = yield from step.execute(partial(self._exchange, step))
            if outcome != "done":
                return outcome
            self._sent.popleft()
            self._bytes -= _size(step.run.step)
            self.done += 1
            if self.lock == "held":
                self.lock = step.run.lock
        return "done"

    def _exchange(self, step: TransactionStep, on_answer: OnAnswer) -> Attempt:
        """Read the answers to the step that is executed now; send it again first if its last try has failed."""
        if step not in self._sent:
            self._send(step)
            self._send_ahead()
        refusal = yield from step.run.receive(step.parts, on_answer)
        if refusal:
            with suppress(psycopg.OperationalError):  # the connection is lost: that was not why it failed
                self._session.pipeline.drain()  # nothing of it was executed
            self._take_back()
        return refusal

    def _take_back(self) -> None:
        """Forget what was sent, after a failure: the steps behind the first are sent again, if it succeeds."""
        _, *behind = self._sent
        self._left.extendleft(each.run.step for each in reversed(behind))
        self._last = self._sent[0].run.step
        self._sent.clear()
        self._bytes = 0

    def _send_ahead(self) -> None:
        while self._left and self.lock == "held" and self._has_room(self._left[0]):
            step = self._left.popleft()
            prepared = self._prepared(step, self._last)
            prepared.run.is_ahead = bool(self._sent)  # the first has begun: if it cannot be sent, it has failed
            self._send(prepared)
            self._last = step
        self._session.pipeline.end()

    def _has_room(self, step: Step) -> bool:
        return not self._sent or (len(self._sent) < _MOST_STEPS and self._bytes + _size(step) <= _MOST_BYTES)

    def _send(self, step: TransactionStep) -> None:
        self._sent.append(step)
        self._bytes += _size(step.run.step)
        self._session.pipeline.send([part.request for part in step.parts], goes_on=not self._is_direct)
        if batch.may_prepare(step.run.step):  # it ends with a DEALLOCATE ALL
            self._session.pipeline.prepare_again()
