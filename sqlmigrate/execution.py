"""One step executed: in one transaction, or statement by statement; tried again where locks stood in the way.

Errors carry a place, a failure is written to the history after the rollback, and what became of a commit whose answer
was lost is found out by looking at the history.
"""

from __future__ import annotations

import random
import time
from collections.abc import Generator, Iterator, Sequence
from contextlib import suppress
from typing import Literal

import psycopg

from . import envelope, history, lock, record, resume
from .database import Answer, Request, Session
from .envelope import Sent
from .errors import ConnectError, LockError, SqlmigrateError, StatementError
from .event import Blocked, Event, Executed, Failed, Finished, Noticed, Recovered, StatementDone, Watched
from .history import Execution, State
from .libpq import reason
from .observer import Blocker, Observer
from .plan import Policy, Step
from .refusal import at_commit, cure, refused
from .split import Statement
from .statement import concurrent, runs_in_transaction, session_setting, verb

Outcome = Literal["done", "failed", "overtaken"]

# https://www.postgresql.org/docs/current/errcodes-appendix.html: lock_not_available, deadlock_detected
_LOCKED_OUT = ("55P03", "40P01")
_TERMINATION = "2D000"  # invalid_transaction_termination
_FIX = "fix the file or the data"
_FIRST_PAUSE, _LONGEST_PAUSE = 0.5, 15.0


class Executor:
    """Executes steps over one session, one after the other."""

    def __init__(self, session: Session, state: State, policy: Policy, observer: Observer) -> None:
        self._session = session
        self._state = state
        self._history = state.history
        self._policy = policy
        self._observer = observer
        self._pid = session.pid
        self._is_direct = session.pid == state.server.pid  # with no pooler in between
        self._begin_step(None)

    def _begin_step(self, step: Step | None) -> None:
        self._tick = envelope.tick(step, self._policy) if step else self._policy.tick
        self._started = time.monotonic()
        self._done = 0  # statements of the step that are answered
        self._blockers: tuple[Blocker, ...] = ()
        self._commits = False  # whether the statement under way ends transactions of its own

    def execute(self, step: Step) -> Generator[Event, None, Outcome]:
        """Execute a step, and tell how it ended; a failure is written to the history."""
        self._begin_step(step)
        try:
            if step.script.mode == "transaction":
                sent = envelope.transaction(self._state, step, self._policy)
                return (yield from self._in_transaction(step, sent))
            return (yield from self._one_by_one(step))
        except psycopg.OperationalError as error:
            yield (outcome := self._lost(step, error))
            if isinstance(outcome, Finished):
                raise _lost_after(step) from None
            return "failed"
        except GeneratorExit:
            self._settle(step, _interrupted(step))
            raise
        except KeyboardInterrupt:
            yield self._settle(step, _interrupted(step))
            raise

    def rehearse(self, step: Step) -> Generator[Event, None, Outcome]:
        """Execute a step in the transaction that is open; nothing is committed, nor written of a failure."""
        self._begin_step(step)
        sent = envelope.transaction(self._state, step, self._policy)
        return (yield from self._in_transaction(step, sent))

    def stop(self) -> None:
        """Have nothing executed any more: cancelled and rolled back, or the session ended over a new connection."""
        try:
            self._session.abort()
        except psycopg.OperationalError:
            self._session.reconnect()
            if self._is_direct:
                self._session.end(self._pid)
            self._pid = self._session.pid

    # one transaction

    def _in_transaction(self, step: Step, sent: Sent) -> Generator[Event, None, Outcome]:
        tries = 0
        while failing := (yield from self._attempt(step, sent)):
            if not self._is_tried_again(step, sent, failing, tries):
                return (yield from self._ended(step, sent, failing))
            tries += 1
            self._session.abort()
            yield from self._pause(step, sent.statement_number(failing.index), failing, tries)
        return "done"

    def _is_tried_again(self, step: Step, sent: Sent, failing: Answer, tries: int) -> bool:
        """Tell whether there is to be another try; raises `LockError` where another run holds the row for too long."""
        if not _is_locked_out(failing) or self._policy.dry_run:
            return False
        if failing.index != sent.beginning:
            return tries < self._policy.lock_retries
        if self._elapsed() > self._policy.lock_wait * 1000:
            self._session.abort()
            holders = lock.describe(self._session, [blocker.pid for blocker in self._blockers])
            raise _held(step, self._policy.lock_wait, holders)
        return True

    def _ended(self, step: Step, sent: Sent, failing: Answer) -> Generator[Event, None, Outcome]:
        if _is_overtaken(failing, sent) and not self._policy.dry_run:
            self._session.abort()
            return "overtaken"
        yield self._failed(step, sent, failing)
        return "failed"

    def _attempt(self, step: Step, sent: Sent) -> Generator[Event, None, Answer | None]:
        """Send it all; gives the answer that failed, if one did."""
        duration, self._done, committed = 0, 0, Answer(0, [])
        for answer in self._turn(sent.requests):
            yield from self._notices(step)
            if answer is None:
                yield self._watched(step)
                continue
            if answer.error:
                if answer.index <= sent.committing:
                    return answer
                break  # only the tidying up of the session failed
            if number := sent.statement_number(answer.index):
                self._done = number
                yield StatementDone(step, number, len(step.script.statements))
            if answer.index < sent.beginning and answer.rows and answer.rows[0]:
                self._pid = int(answer.rows[0][0] or 0)
            if answer.index == sent.beginning:
                self._pid = int(answer.rows[0][1] or 0)
            if answer.index == sent.completing:
                duration = int(answer.rows[0][0] or 0)
            committed = answer
        if self._policy.dry_run and (failing := self._rehearsed_commit(committed)):
            return failing
        yield Finished(step, len(step.script.statements), duration)
        return None

    def _rehearsed_commit(self, answer: Answer) -> Answer | None:
        """Do for a dry run what the COMMIT does; gives the answer that failed, if one did."""
        for each in self._session.turn([*envelope.like_commit(*answer.rows[0])]):
            if each and each.error:
                return Answer(answer.index, [], each.error)
        return None

    def _turn(self, requests: Sequence[Request]) -> Iterator[Answer | None]:
        if not self._policy.watched:
            yield from self._session.turn(requests, self._tick)
            return
        for index, request in enumerate(requests):
            answered = Answer(index, [])
            for answer in self._session.turn([request], self._tick):
                if answer is None:
                    yield None
                else:
                    answered = Answer(index, answer.rows, answer.error)
            yield answered  # the turn is over: whoever watches may ask over the same session
            if answered.error:
                return

    def _pause(self, step: Step, number: int, failing: Answer, tries: int) -> Iterator[Event]:
        """Let the others through before the next try, longer each time, and never two runs in step."""
        longest = min(_FIRST_PAUSE * 2 ** (tries - 1), _LONGEST_PAUSE)
        pause = longest * random.uniform(0.5, 1.0)  # noqa: S311 - no secret hangs on it
        message = failing.error.diag.message_primary or "" if failing.error else ""
        yield Blocked(step, number, (tries, self._policy.lock_retries), pause, message, self._blockers)
        time.sleep(pause)

    def _failed(self, step: Step, sent: Sent, answer: Answer) -> Failed:
        number = sent.statement_number(answer.index)
        problem = answer.error or psycopg.Error()
        if number:
            error = refused(problem, step.script.statements[number - 1])
            if _ends_transactions(step.script.statements[number - 1], answer):
                error.hint = "each statement runs by itself, and may commit, with: -- sqlmigrate: no-transaction"
        elif _is_division(answer):
            error = _broken_transaction(step)
        elif answer.index == sent.completing and isinstance(problem, psycopg.errors.UndefinedTable):
            error = _history_gone(step, self._history.name)
        else:
            error = at_commit(problem, step.script.statements, step.script.source)
        error.next_steps = (f"{cure(problem.sqlstate)}, then: sqlmigrate {step.direction}",)
        error.detail = (*error.detail, *self._in_the_way(answer))
        self._record(step, error, 0)
        return Failed(step, error, number, len(step.script.statements), self._elapsed())

    def _in_the_way(self, answer: Answer) -> Iterator[str]:
        if _is_locked_out(answer):
            tries = self._policy.lock_retries + 1
            yield f"tried {tries} times, with pauses between" if tries > 1 else "tried once"
            for blocker in self._blockers:
                yield f"in the way: {blocker.who}"
                yield blocker.doing

    # without a transaction

    def _one_by_one(self, step: Step) -> Generator[Event, None, Outcome]:
        first = resume.start(self._session, self._history, step)
        statements = step.script.statements
        if failed := self._set_again(step, first):
            yield failed
            return "failed"
        for number, statement in enumerate(statements[first:], start=first + 1):
            self._done = number - 1
            way = resume.way_on(self._session, step, number) if number == first + 1 else resume.Way()
            if way.said:
                yield Recovered(step, number, way.said)
            failing = None if way.is_done else (yield from self._tried(step, number, way))
            if failing:
                yield self._stopped(step, refused(failing.error or psycopg.Error(), statement), number, failing)
                return "failed"
            if way.is_done or self._commits or not runs_in_transaction(statement):
                self._note(step, number)
            if trace := self._invalid(step, statement):
                yield self._useless(step, number, trace)
                return "failed"
            self._done = number
            yield StatementDone(step, number, len(statements))
        yield Finished(step, len(statements), self._complete(step))
        return "done"

    def _set_again(self, step: Step, done: int) -> Failed | None:
        """Set anew what the statements done have set for the session of an earlier run."""
        statements = step.script.statements
        for number, statement in enumerate(statements[:done], start=1):
            if session_setting(statement):
                try:
                    self._session.ask(envelope.request(statement))
                except psycopg.Error as problem:
                    error = refused(problem, statement)
                    self._record(step, error, done)
                    return Failed(step, error, number, len(statements), self._elapsed(), tuple(_staying(done)))
        return None

    def _note(self, step: Step, done: int, making: str | None = None) -> None:
        """Write how far a file without a transaction is, whatever role it has set."""
        if step.direction == "up":
            noted = record.progress(self._history, step.version, done, making)
            self._session.ask(Request("begin"), *envelope.AS_OURSELVES, noted, history.COMMIT)

    def _tried(self, step: Step, number: int, way: resume.Way) -> Generator[Event, None, Answer | None]:
        """Execute one statement, again where locks stood in the way; gives the answer that failed, if one did."""
        statement = step.script.statements[number - 1]
        is_alone = not runs_in_transaction(statement)
        if way.first:
            self._session.ask(Request(way.first))
        if is_alone:
            self._note(step, number - 1, resume.mark(number, resume.trace(self._session, statement)))
        tries, self._commits = 0, False
        while failing := (yield from self._once(step, number, way)):
            if not self._commits and _ends_transactions(statement, failing):
                self._commits = True
                self._session.abort()
                self._note(step, number - 1, resume.mark_of_commits(number))
                continue
            if not _is_locked_out(failing) or tries == self._policy.lock_retries or self._invalid(step, statement):
                return failing
            tries += 1
            self._session.abort()
            yield from self._pause(step, number, failing, tries)
        return None

    def _once(self, step: Step, number: int, way: resume.Way) -> Generator[Event, None, Answer | None]:
        """Send one statement: with its record in a transaction where it can be, else by itself."""
        statement = step.script.statements[number - 1]
        requests = [envelope.request(statement)] if way.instead is None else [Request(way.instead)]
        bounds = [*envelope.bounds(step, self._policy, statement)]
        is_open = runs_in_transaction(statement) and not self._commits
        if is_open:
            up = step.direction == "up"
            noted = [*envelope.AS_OURSELVES, record.progress(self._history, step.version, number)] if up else []
            requests = [Request("begin"), *requests, *noted, history.COMMIT]
        self._session.ask(*bounds)
        for answer in self._turn(requests):
            yield from self._notices(step)
            if answer is None:
                yield self._watched(step)
            elif answer.error:
                return answer
            elif self._policy.watched and is_open and answer.index == 1:
                yield Executed(step, number)
        return None

    def _invalid(self, step: Step, statement: Statement) -> resume.Trace | None:
        """Give the index that a ``CREATE INDEX CONCURRENTLY`` was to make, where it is there and invalid."""
        meant = concurrent(statement)
        if step.direction == "down" or meant is None or meant.kind != "create index" or not self._session.is_usable:
            return None
        with suppress(psycopg.Error):
            found = resume.trace(self._session, statement)
            return found if found and found.found == "invalid" else None
        return None

    def _useless(self, step: Step, number: int, index: resume.Trace) -> Failed:
        """Make the failure of an ``IF NOT EXISTS`` that met an invalid index: it would never be used."""
        span = step.script.statements[number - 1].span
        error = StatementError(f"the index {index.name} was there before, and is invalid: no query uses it", span)
        self._record(step, error, number - 1)
        error.next_steps = (f"psql: drop index concurrently {index.name};", f"sqlmigrate {step.direction}")
        return Failed(step, error, number, len(step.script.statements), self._elapsed(), tuple(_staying(number - 1)))

    def _complete(self, step: Step) -> int:
        if step.direction == "up":
            completing = record.end_up(self._history, step.version, in_transaction=False)
        else:
            elapsed = self._elapsed()
            completing = record.end_down(self._history, step.version, in_transaction=False, duration_ms=elapsed)
        *_, rows = self._session.ask(*envelope.RESET, completing)
        self._session.ask(*envelope.DISCARD)
        return int(rows[0][0] or 0)

    def _stopped(self, step: Step, error: StatementError, number: int, answer: Answer) -> Failed:
        error.detail = (*error.detail, *self._in_the_way(answer))
        self._record(step, error, number - 1)
        kept = [*_staying(number - 1), *self._committed(number)]
        where = (
            f" (it goes on at statement {number})" if step.direction == "up" else " (it begins at statement 1 again)"
        )
        again = f"sqlmigrate {step.direction}" + (where if number > 1 else "")
        error.next_steps = (f"{cure(error.sqlstate, _FIX)}, then: {again}",)
        kept += self._left_behind(step, step.script.statements[number - 1])
        return Failed(step, error, number, len(step.script.statements), self._elapsed(), tuple(kept))

    def _committed(self, number: int) -> Iterator[str]:
        if self._commits:
            yield f"what statement {number} had committed by itself stays as well, and the next run begins it anew"

    def _left_behind(self, step: Step, statement: Statement) -> Iterator[str]:
        if index := self._invalid(step, statement):
            yield f"the index {index.name} is left behind, marked invalid: the next up drops it and builds it anew"

    # what goes wrong outside of a statement

    def _lost(self, step: Step, problem: psycopg.Error) -> Event:
        message = problem.diag.message_primary or f"the connection was lost: {reason(problem)}"
        again = f"{cure(problem.sqlstate or '08')}, then: sqlmigrate {step.direction}"
        return self._settle(step, StatementError(message, sqlstate=problem.sqlstate, next_steps=(again,)))

    def _settle(self, step: Step, error: StatementError) -> Failed | Finished:
        """Find out by the history what became of a step whose answers did not all come, and record a failure."""
        statements = step.script.statements
        error.span = statements[self._done].span if self._done < len(statements) else step.script.source.span(0, 0)
        number = min(self._done + 1, len(statements)) if self._done < len(statements) else 0
        try:
            execution = self._looked_up(step)
        except (psycopg.Error, SqlmigrateError) as problem:
            error.detail = (*error.detail, f"the history could not be read: {reason(problem)}")
            return Failed(step, error, number, len(statements), self._elapsed(), (_unknown(step, number),))
        if (execution is not None and execution.status == "executed") == (step.direction == "up"):
            return Finished(step, len(statements), self._elapsed())
        done = execution.statements_done if execution and step.script.mode == "statements" else 0
        self._record(step, error, done)
        kept = [*_staying(done), *self._committed(number)]
        kept += self._left_behind(step, statements[number - 1]) if number else ()
        return Failed(step, error, number, len(statements), self._elapsed(), tuple(kept))

    def _looked_up(self, step: Step) -> Execution | None:
        """Read the row of a step, as soon as nothing is executed any more."""
        self.stop()
        found = history.executions(self._session, self._history)
        return next((one for one in found if one.version == step.version), None)

    def _record(self, step: Step, error: StatementError, done: int) -> None:
        """Roll back and write the failure, over a new connection where this one is gone; say where neither works."""
        if self._policy.dry_run:
            return
        writing = envelope.failure(self._history, step, done, error.message)
        try:
            try:
                self._session.abort()
                self._session.ask(*envelope.RESET, writing)
            except psycopg.OperationalError:
                self._session.reconnect()
                self._session.ask(writing)
        except (psycopg.Error, SqlmigrateError) as problem:
            error.detail = (*error.detail, f"the failure could not be written to the history: {reason(problem)}")

    # beside

    def _watched(self, step: Step) -> Event:
        statements = step.script.statements
        number, total = min(self._done + 1, len(statements)), len(statements)
        data = statements[number - 1].data if statements else None
        sight = self._observer.look(self._pid, len(data.text.encode()) if data else 0)
        self._blockers = sight.blockers or self._blockers
        return Watched(step, number, total, self._elapsed(), sight)

    def _notices(self, step: Step) -> Iterator[Event]:
        while self._session.notices:
            severity, message = self._session.notices.pop(0)
            yield Noticed(step, severity, message)

    def _elapsed(self) -> int:
        return round((time.monotonic() - self._started) * 1000)


def _is_locked_out(answer: Answer) -> bool:
    return answer.error is not None and answer.error.sqlstate in _LOCKED_OUT


def _ends_transactions(statement: Statement, answer: Answer) -> bool:
    """Tell whether a CALL or a DO was refused because it commits or rolls back: it can only by itself.

    https://www.postgresql.org/docs/current/plpgsql-transactions.html
    """
    return answer.error is not None and answer.error.sqlstate == _TERMINATION and verb(statement) in ("CALL", "DO")


def _is_division(answer: Answer) -> bool:
    return isinstance(answer.error, psycopg.errors.DivisionByZero)


def _is_overtaken(answer: Answer, sent: Sent) -> bool:
    """Tell whether the row could not be inserted because another run has executed the step meanwhile."""
    return answer.index == sent.beginning and _is_division(answer)


def _interrupted(step: Step) -> StatementError:
    again = (f"sqlmigrate {step.direction}",)
    return StatementError("interrupted: the statement was cancelled on the server", next_steps=again)


def _broken_transaction(step: Step) -> StatementError:
    return StatementError(
        f"{step.label}: the transaction it began in is not the one it ended in: something in the file ended it",
        step.script.source.span(0, 0),
    )


def _history_gone(step: Step, table: str) -> StatementError:
    message = f"{step.label}: something in the file drops or moves the history {table}"
    error = StatementError(message, step.script.source.span(0, 0))
    error.hint = "leave it where it is; from the start it can be in a schema of its own: --table history.migrations"
    return error


def _staying(done: int) -> Iterator[str]:
    if done == 1:
        yield "statement 1 is executed and stays"
    elif done:
        yield f"statements 1 to {done} are executed and stay"


def _held(step: Step, seconds: float, holders: str) -> LockError:
    return LockError(
        f"another run is executing {step.label}, also after {seconds:g} s",
        detail=[holders, "nothing of it was executed by this run"],
        next_steps=[f"sqlmigrate {step.direction}"],
    )


def _lost_after(step: Step) -> ConnectError:
    return ConnectError(
        f"the connection was lost when {step.label} was committed: the history shows that it was",
        next_steps=[f"sqlmigrate {step.direction}"],
    )


def _unknown(step: Step, number: int) -> str:
    if step.script.mode == "transaction":
        return f"whether {step.label} was committed as a whole or rolled back is not known: its history row says so"
    return f"whether statement {number or len(step.script.statements)} of {step.label} was executed is not known"
