"""The step under way: what is known of it, and what both ways of executing one share.

It is sent and looked at over one session, tried again where locks stood in the way, and its failure is written to the
history after the rollback.
"""

from __future__ import annotations

import random
import time
from collections.abc import Iterator, Sequence

import psycopg

from sqlmigrate.database.activity import Activity
from sqlmigrate.database.blocker import Blocker
from sqlmigrate.database.connect_errors import reason
from sqlmigrate.database.session import Answer, Request, Session
from sqlmigrate.errors import SqlmigrateError, StatementError
from sqlmigrate.history.state import State
from sqlmigrate.parsing.statement import Statement
from sqlmigrate.plan.plan import Limits, Step

from . import batch
from .events import Blocked, Event, Noticed, Observation, Progress

# https://www.postgresql.org/docs/current/errcodes-appendix.html: lock_not_available, deadlock_detected
_LOCKED_OUT = ("55P03", "40P01")
_TERMINATION = "2D000"  # invalid_transaction_termination
_FIRST_PAUSE, _LONGEST_PAUSE = 0.5, 15.0


class StepRun:
    """What executes at this moment, over which session.

    `done` counts the statements of the step that are answered; `blockers` were seen in its way; `pid` is the server's
    process, behind a pooler that of the transaction.
    """

    def __init__(self, session: Session, state: State, limits: Limits, observation: Observation) -> None:
        self.session = session
        self.history = state.history
        self.limits = limits
        self.is_step_by_step = observation.is_step_by_step
        self.pid = session.pid
        self._observation = observation
        self._is_direct = session.pid == state.server.pid  # with no pooler in between
        self._start(observation.tick)

    def begin(self, step: Step) -> None:
        """Forget the step before: another one begins."""
        self._start(batch.tick(step, self.limits.lock_timeout, self._observation.tick))

    def _start(self, tick: float) -> None:
        self._tick = tick
        self._started = time.monotonic()
        self.done = 0
        self.blockers: tuple[Blocker, ...] = ()

    def stop(self) -> None:
        """Have nothing executed any more: cancelled and rolled back, or the session ended over a new connection."""
        try:
            self.session.abort()
        except psycopg.OperationalError:
            self.session.reconnect()
            if self._is_direct:
                self.session.end(self.pid)
            self.pid = self.session.pid

    def turn(self, requests: Sequence[Request]) -> Iterator[Answer | None]:
        """Send it all at once, or, where somebody watches, request by request; None whenever it is time to look."""
        if not self.is_step_by_step:
            yield from self.session.turn(requests, self._tick)
            return
        for index, request in enumerate(requests):
            answered = Answer(index, [])
            for answer in self.session.turn([request], self._tick):
                if answer is None:
                    yield None
                else:
                    answered = Answer(index, answer.rows, answer.error)
            yield answered  # the turn is over: whoever watches may ask over the same session
            if answered.error:
                return

    def pause(self, step: Step, number: int, failing: Answer, tries: int) -> Iterator[Event]:
        """Let the others through before the next try, longer each time, and never two runs in step."""
        longest = min(_FIRST_PAUSE * 2 ** (tries - 1), _LONGEST_PAUSE)
        pause = longest * random.uniform(0.5, 1.0)  # noqa: S311 - no secret hangs on it
        message = failing.error.diag.message_primary or "" if failing.error else ""
        yield Blocked(step, number, (tries, self.limits.lock_retries), pause, message, self.blockers)
        time.sleep(pause)

    def in_the_way(self, answer: Answer) -> Iterator[str]:
        """Say how often it was tried and who stood in the way, where locks did."""
        if is_locked_out(answer):
            tries = self.limits.lock_retries + 1
            yield f"tried {tries} times, with pauses between" if tries > 1 else "tried once"
            for blocker in self.blockers:
                yield f"blocked by {blocker.who}"
                yield blocker.doing
                yield from filter(None, [blocker.ending])

    def record(self, step: Step, error: StatementError, done: int) -> StatementError:
        """Roll back and write the failure, over a new connection where this one is gone.

        Returns the error, which also says so where neither works.
        """
        writing = batch.failure(self.history, step, done, error.message)
        try:
            try:
                self.session.abort()
                self.session.ask(*batch.RESET, writing)
            except psycopg.OperationalError:
                self.session.reconnect()
                self.session.ask(writing)
        except (psycopg.Error, SqlmigrateError) as problem:
            failed = f"the failure could not be written to the history: {reason(problem)}"
            return error.with_(detail=[*error.detail, failed])
        return error

    def progress(self, step: Step) -> Progress:
        """Look over the second connection at what is being executed."""
        statements = step.script.statements
        number, total = min(self.done + 1, len(statements)), len(statements)
        data = statements[number - 1].data if statements else None
        observer, size = self._observation.observer, len(data.text.encode()) if data else 0
        activity = observer.look(self.pid, size) if observer else Activity()
        self.blockers = activity.blockers or self.blockers
        return Progress(step, number, total, self.elapsed(), activity)

    def notices(self, step: Step) -> Iterator[Event]:
        """Tell what the server said beside."""
        while self.session.notices:
            severity, message = self.session.notices.pop(0)
            yield Noticed(step, severity, message)

    def elapsed(self) -> int:
        """Give for how many milliseconds the step is under way."""
        return round((time.monotonic() - self._started) * 1000)


def is_locked_out(answer: Answer) -> bool:
    """Tell whether locks of others made it fail."""
    return answer.error is not None and answer.error.sqlstate in _LOCKED_OUT


def ends_transactions(statement: Statement, answer: Answer) -> bool:
    """Tell whether a CALL or a DO was refused because it commits or rolls back: it can only by itself.

    https://www.postgresql.org/docs/current/plpgsql-transactions.html
    """
    return answer.error is not None and answer.error.sqlstate == _TERMINATION and statement.kind.verb in ("CALL", "DO")
