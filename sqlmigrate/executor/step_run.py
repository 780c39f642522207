"""One step being executed: sends its requests, tries again after lock timeouts, records a failure.

What is the same with and without a transaction is here; what differs is in `transaction` and `no_transaction`.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Literal

import psycopg

from sqlmigrate.database import lost_process, run_lock
from sqlmigrate.database.activity import Activity
from sqlmigrate.database.blocker import Blocker
from sqlmigrate.database.connect_errors import reason
from sqlmigrate.database.own_settings import LOCALLY
from sqlmigrate.database.session import COMMIT, Answer, NotSent, Request, Session
from sqlmigrate.errors import SqlmigrateError, StatementError
from sqlmigrate.history.state import LOST, State
from sqlmigrate.parsing.statement import Statement
from sqlmigrate.plan.plan import Limits, Step
from sqlmigrate.times import after

from . import batch
from .batch import Part
from .events import Blocked, Event, Failed, Noticed, Observation, Pausing, Progress, StatementDone
from .statement_errors import cure

SERIALIZATION = "40001"
Outcome = Literal["done", "failed", "overtaken"]  # overtaken: another run has executed the step in the meantime

# https://www.postgresql.org/docs/current/errcodes-appendix.html: lock_not_available, deadlock_detected,
# serialization_failure: where transactions are serializable by default, another session has changed the same rows.
LOCKED_OUT = ("55P03", "40P01", SERIALIZATION)
_INTERNAL = "XX000"
_TERMINATION = "2D000"  # invalid_transaction_termination
IN_TRANSACTION = "25001"  # active_sql_transaction
_LOST = ("08", "57P")  # connection_exception, and what the server says when it ends a session
_FIRST_PAUSE, _LONGEST_PAUSE = 0.5, 15.0
_SLICE_SECONDS = 0.25  # so often the reader can stop a run that pauses


@dataclass(frozen=True)
class Refusal:
    """A request that failed.

    Attributes:
        part: The request.
        error: What PostgreSQL, or libpq, said.
    """

    part: Part
    error: psycopg.Error

    @property
    def is_locked_out(self) -> bool:
        """Whether it failed because of what other sessions did at the same time: their locks, or the same rows."""
        return self.error.sqlstate in LOCKED_OUT


# Called with a request and its answer; gives the events that tell of it.
OnAnswer = Callable[[Part, Answer], Iterator[Event]]
Attempt = Generator[Event, None, Refusal | None]


def tell_nothing(_part: Part, _answer: Answer) -> Iterator[Event]:
    """Give no event for an answer."""
    yield from ()


def pause_after(tries: int) -> float:
    """Return the pause after so many tries, in seconds: longer each time, and at random.

    So two runs that keep each other out do not try again at the same moment.
    """
    longest = min(_FIRST_PAUSE * 2.0 ** (tries - 1), _LONGEST_PAUSE)
    return longest * random.uniform(0.5, 1.0)  # noqa: S311 - not a secret


class StepRun:
    """One step that is being executed over a session.

    Attributes:
        step: The step.
        total: How many statements it has.
        session: The session that executes it.
        state: The database.
        limits: How long to wait for locks.
        is_step_by_step: Whether each statement is sent by itself.
        done: How many statements of the step are executed.
        pid: The server's process; behind a pooler that of the transaction.
        blockers: The sessions that were seen in the way, when the step was last looked at.
        lock: What became of the lock of the run, when the session was last checked.
        unseen: Why it is not known which sessions were in the way; empty if they were seen.
        failure: Why the step failed, once that is known; an interruption does not replace it.
        is_ahead: Whether the step was sent ahead, and no event has told of it yet.
        is_settled: Whether the history says how the step ended, so that nothing more is written to it.
        is_dry_run: Whether all of it is rolled back in any case, also if the connection ends.
    """

    def __init__(self, step: Step, session: Session, state: State, limits: Limits, observation: Observation) -> None:
        self.step, self.total = step, len(step.script.statements)
        self.session = session
        self.state = state
        self.limits = limits
        self.is_step_by_step = observation.is_step_by_step
        self.done = 0
        self.pid = session.pid
        self._observer = observation.observer
        self._tick = batch.tick(step, limits.lock_timeout, observation.tick)
        self._started = time.monotonic()
        self.blockers: tuple[Blocker, ...] = ()
        self.lock: run_lock.Lock = "held"
        self._lock_key = batch.lock_key(state)
        self.unseen = ""
        self.failure: StatementError | None = None
        self.is_ahead = False
        self.is_settled = False
        self.is_dry_run = False

    def start(self) -> None:
        """Note that the step begins now, which was sent ahead."""
        self.is_ahead = False
        self._started = time.monotonic()

    @property
    def elapsed_ms(self) -> int:
        """Milliseconds since the step began."""
        return round((time.monotonic() - self._started) * 1000)

    def answered(self, number: int) -> StatementDone:
        """Note that statement `number` is executed, and give the event that tells of it."""
        self.done = number
        return StatementDone(self.step, number, self.total)

    # sending

    def send(self, parts: Sequence[Part], on_answer: OnAnswer) -> Attempt:
        """Send requests, and give the first that fails, if one does; it is the last."""
        return self._answers(parts, self._turns(parts), on_answer)

    def receive(self, parts: Sequence[Part], on_answer: OnAnswer) -> Attempt:
        """Give the first of the requests that fails, if one does; they were sent already, as one segment."""
        answers = self.session.pipeline.answers(self._tick)
        return self._answers(parts, ((each.index if each else 0, each) for each in answers), on_answer)

    def _answers(
        self, parts: Sequence[Part], answers: Iterator[tuple[int, Answer | None]], on_answer: OnAnswer
    ) -> Attempt:
        for index, answer in answers:
            if self.session.notices:
                yield from self.notices()
            if answer is None:
                yield self._progress()
            elif answer.error:
                if not self.is_dry_run:
                    _raise_lost(answer.error)
                return Refusal(parts[index], answer.error)
            else:
                if parts[index].role == "lock":
                    self._keep_lock(answer)
                yield from on_answer(parts[index], answer)
        return None

    def _keep_lock(self, answer: Answer) -> None:
        *_, state = answer.rows[0]
        if state in ("again", "taken"):  # what is lost once, another run may have had
            self.lock = "again" if state == "again" else "taken"

    def require_lock(self) -> tuple[Request, ...]:
        """Give the check that fails if another run has the lock by now: the history is then written by that run."""
        return () if self._lock_key is None else (run_lock.require(self._lock_key),)

    def _turns(self, parts: Sequence[Part]) -> Iterator[tuple[int, Answer | None]]:
        """Send all requests at once, or step by step; give each answer with its index, None when it is time to look."""
        if not self.is_step_by_step:
            for answer in self.session.turn([part.request for part in parts], self._tick):
                yield answer.index if answer else 0, answer
            return
        for index, part in enumerate(parts):
            last = Answer(0, [])
            for answer in self.session.turn([part.request], self._tick):
                if answer is None:
                    yield index, None
                else:
                    last = answer
            yield index, last  # only now: the caller may use the session between two turns
            if last.error:
                return

    def notices(self) -> Iterator[Noticed]:
        """Give what the server has said since it was asked last."""
        while self.session.notices:
            severity, message = self.session.notices.pop(0)
            yield Noticed(self.step, severity, message)

    def _progress(self) -> Progress:
        """Look over the second connection at what is being executed."""
        statements = self.step.script.statements
        number = min(self.done + 1, self.total)
        size = _data_size(statements[number - 1]) if statements else 0
        activity = self._observer.look(self.pid, size) if self._observer else Activity()
        self.blockers = activity.blockers or self.blockers
        self.unseen = activity.unseen
        return Progress(self.step, number, self.total, self.elapsed_ms, activity)

    # trying again

    def repeat(self, attempt: Callable[[], Attempt], may_try_again: Callable[[Refusal, int], bool]) -> Attempt:
        """Make an attempt, again while locks of other sessions make it fail and `may_try_again` allows it.

        `may_try_again` gets what failed, and how many times the attempt was repeated already. Before each repetition
        the transaction is rolled back, and there is a pause.
        """
        tries = 0
        while True:
            refusal = yield from attempt()
            if refusal is None or not refusal.is_locked_out or not may_try_again(refusal, tries):
                return refusal
            tries += 1
            self.session.abort()
            yield from self._pause(refusal, tries)

    def _pause(self, refusal: Refusal, tries: int) -> Iterator[Event]:
        """Let the others through."""
        pause = pause_after(tries)
        next_try = after(pause)
        until = time.monotonic() + pause
        yield Blocked(
            self.step,
            refusal.part.number,
            self.limits.blocked + tries,
            self.limits.lock_retries,
            pause,
            next_try,
            refusal.error.diag.message_primary or "",
            self.blockers,
        )
        while time.monotonic() < until:
            yield Pausing(next_try)
            time.sleep(max(0.0, min(until - time.monotonic(), _SLICE_SECONDS)))

    def cure(self, refusal: Refusal, sqlstate: str | None, otherwise: str = "fix the file") -> str:
        """Say what to do before the next try; waiting does not end a prepared transaction."""
        if isinstance(refusal.error, NotSent):
            return refusal.error.why.hint or otherwise
        if sqlstate in LOCKED_OUT and any(blocker.prepared for blocker in self.blockers):
            return "end the prepared transaction"
        if sqlstate == _INTERNAL and self.state.history.is_on_citus and refusal.error.diag.message_hint:
            return otherwise  # Citus has this code for ordinary mistakes; its hint says what to write instead
        return cure(sqlstate, otherwise)

    def in_the_way(self, refusal: Refusal) -> Iterator[str]:
        """Say how often it was tried and which sessions were in the way, if locks made it fail."""
        if refusal.is_locked_out:
            tries = self.limits.lock_retries + 1
            yield f"tried {tries} times, with pauses between" if tries > 1 else "tried once"
            for blocker in self.blockers:
                yield f"blocked by {blocker.who}"
                yield blocker.doing
                yield from blocker.ending
            if self.unseen and not self.blockers:
                yield f"which session was in the way is not known: {self.unseen}"
            elif self.state.history.is_on_citus and not self.blockers:
                yield "no session was seen in the way; a prepared transaction on a worker may be, until it is ended:"
                yield "select recover_prepared_transactions();"

    # failing

    def failed(self, error: StatementError, number: int, stays: Iterable[str] = ()) -> Failed:
        """Make the event of a failure at statement `number` (0: before or after them); `stays` as in `Failed.kept`."""
        return Failed(self.step, error, number, self.total, self.elapsed_ms, tuple(stays))

    def record(self, error: StatementError, done: int, *, is_closed: bool = False) -> StatementError:
        """Roll back and write the failure to the history, over a new connection if this one is gone.

        If the history `is_closed` by the transaction that is open, that writes it. Gives the error; if the failure
        could not be written, the error says so as well.
        """
        self.failure = error
        writing = [LOCALLY, batch.failure(self.state.history, self.step, done, _recorded(error))]
        if self.step.script.mode == "statements":
            writing = [*self.require_lock(), *writing]
        try:
            try:
                if is_closed:
                    self.session.ask(*writing, COMMIT)
                else:
                    self.session.abort()
                    self.session.ask(batch.BEGIN, *batch.reset(self.state), *writing, COMMIT)
            except psycopg.OperationalError:
                self.session.reconnect()
                lost_process.require_same_server(self.session, self.state.server)
                self.session.ask(*writing)
        except (psycopg.Error, SqlmigrateError) as problem:
            why = "another run continues this migration" if run_lock.is_taken(problem) else reason(problem)
            with suppress(psycopg.Error):
                self.session.abort()
            unwritten = f"the failure could not be written to the history: {why}"
            error = error.with_(detail=[*error.detail, unwritten])
        self.is_settled = True
        return error


def _raise_lost(error: psycopg.Error) -> None:
    """Raise `psycopg.OperationalError` if the connection ends with this error of the server, or of a pooler.

    What was sent behind the request may be executed all the same: a pooler that has lost one server, or is stopped,
    says so to its clients, and its other servers go on.
    """
    diagnostic = error.diag
    if (diagnostic.severity_nonlocalized or diagnostic.severity) in ("FATAL", "PANIC"):
        raise psycopg.OperationalError(str(error)) from error


def _recorded(error: StatementError) -> str:
    """Return what the history keeps of an error; `status` tells by its first words that the file is not at fault."""
    is_lost = (error.sqlstate or "").startswith(_LOST)
    return f"{LOST}: {error.message}" if is_lost and not error.message.startswith(LOST) else error.message


def _data_size(statement: Statement) -> int:
    """Give how many bytes the data of a COPY have; 0 for all other statements."""
    if on_disk := statement.on_disk:
        return on_disk.size
    return len(statement.data.text.encode()) if statement.data else 0


def ends_transactions(statement: Statement, refusal: Refusal) -> bool:
    """Tell whether a CALL or a DO was refused because it commits or rolls back, which it may only outside of ours.

    https://www.postgresql.org/docs/current/plpgsql-transactions.html
    """
    is_refused = refusal.part.role == "statement" and refusal.error.sqlstate == _TERMINATION
    return is_refused and may_commit(statement)


def may_commit(statement: Statement) -> bool:
    """Tell whether a statement can end transactions itself, where there is none around it."""
    return statement.kind.verb in ("CALL", "DO")


def needs_no_transaction(refusal: Refusal) -> bool:
    """Tell whether a statement was refused because there was a transaction around it.

    Of some the words do not show it: https://www.postgresql.org/docs/current/sql-dropsubscription.html
    """
    return refusal.part.role == "statement" and refusal.error.sqlstate == IN_TRANSACTION
