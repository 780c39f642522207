"""One step executed: in one transaction here, or each statement `alone`; tried again where locks stood in the way.

Errors carry a place, a failure is written to the history after the rollback, and what became of a commit whose answer
was lost is found out by looking at the history.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from typing import Literal

import psycopg

from sqlmigrate.database import run_lock
from sqlmigrate.database.blocker import Blocker
from sqlmigrate.database.connect_errors import reason
from sqlmigrate.database.session import Answer, Session
from sqlmigrate.errors import NOTHING_EXECUTED_BY_THIS_RUN, ConnectError, LockError, SqlmigrateError, StatementError
from sqlmigrate.history import read
from sqlmigrate.history.state import Execution, State
from sqlmigrate.plan.plan import Limits, Step

from . import batch
from .batch import Batch
from .events import Event, Failed, Finished, Observation, StatementDone
from .no_transaction import NoTransactionStep
from .statement_errors import at_commit, cure, refused
from .step_run import StepRun, ends_transactions, is_locked_out

Outcome = Literal["done", "failed", "overtaken"]


class Executor:
    """Executes steps over one session, one after the other."""

    def __init__(self, session: Session, state: State, limits: Limits, observation: Observation) -> None:
        self._session = session
        self._state = state
        self._history = state.history
        self._limits = limits
        self._under_way = StepRun(session, state, limits, observation)

    def execute(self, step: Step) -> Generator[Event, None, Outcome]:
        """Execute a step, and tell how it ended; a failure is written to the history."""
        self._under_way.begin(step)
        alone = NoTransactionStep(self._under_way, step)
        try:
            if step.script.mode == "transaction":
                sent = batch.transaction(self._state, step, self._limits.lock_timeout)
                return (yield from self._in_transaction(step, sent))
            return (yield from alone.execute())
        except psycopg.OperationalError as error:
            yield (outcome := self._lost(alone, error))
            if isinstance(outcome, Finished):
                raise _lost_after(step) from None
            return "failed"
        except GeneratorExit:
            self._settle(alone, _interrupted(step))
            raise
        except KeyboardInterrupt:
            yield self._settle(alone, _interrupted(step))
            raise

    def rehearse(self, step: Step) -> Generator[Event, None, Outcome]:
        """Execute a step in the transaction that is open; nothing is committed, nor written of a failure."""
        self._under_way.begin(step)
        sent = batch.transaction(self._state, step, self._limits.lock_timeout, dry_run=True)
        return (yield from self._in_transaction(step, sent))

    def stop(self) -> None:
        """Have nothing executed any more: cancelled and rolled back, or the session ended over a new connection."""
        self._under_way.stop()

    # one transaction

    def _in_transaction(self, step: Step, sent: Batch) -> Generator[Event, None, Outcome]:
        tries = 0
        while failing := (yield from self._attempt(step, sent)):
            if not self._is_tried_again(step, sent, failing, tries):
                return (yield from self._ended(step, sent, failing))
            tries += 1
            self._session.abort()
            yield from self._under_way.pause(step, sent.statement_number(failing.index), failing, tries)
        return "done"

    def _is_tried_again(self, step: Step, sent: Batch, failing: Answer, tries: int) -> bool:
        """Tell whether there is to be another try; raises `LockError` where another run holds the row for too long."""
        if not is_locked_out(failing) or sent.is_dry_run:
            return False
        if failing.index != sent.beginning:
            return tries < self._limits.lock_retries
        if self._under_way.elapsed() > self._limits.lock_wait * 1000:
            self._session.abort()
            raise _held(step, self._limits.lock_wait, self._under_way.blockers)
        return True

    def _ended(self, step: Step, sent: Batch, failing: Answer) -> Generator[Event, None, Outcome]:
        if _is_overtaken(failing, sent) and not sent.is_dry_run:
            self._session.abort()
            return "overtaken"
        yield self._failed(step, sent, failing)
        return "failed"

    def _attempt(self, step: Step, sent: Batch) -> Generator[Event, None, Answer | None]:
        """Send it all; gives the answer that failed, if one did."""
        duration, self._under_way.done, committed = 0, 0, Answer(0, [])
        for answer in self._under_way.turn(sent.requests):
            yield from self._under_way.notices(step)
            if answer is None:
                yield self._under_way.progress(step)
                continue
            if answer.error:
                if answer.index <= sent.committing:
                    return answer
                break  # only the tidying up of the session failed
            if number := sent.statement_number(answer.index):
                self._under_way.done = number
                yield StatementDone(step, number, len(step.script.statements))
            if answer.index < sent.beginning and answer.rows and answer.rows[0]:
                self._under_way.pid = int(answer.rows[0][0] or 0)
            if answer.index == sent.beginning:
                self._under_way.pid = int(answer.rows[0][1] or 0)
            if answer.index == sent.completing:
                duration = int(answer.rows[0][0] or 0)
            committed = answer
        if sent.is_dry_run and (failing := self._rehearsed_commit(committed)):
            return failing
        yield Finished(step, len(step.script.statements), duration)
        return None

    def _rehearsed_commit(self, answer: Answer) -> Answer | None:
        """Do for a dry run what the COMMIT does; gives the answer that failed, if one did."""
        for each in self._session.turn([*batch.like_commit(*answer.rows[0])]):
            if each and each.error:
                return Answer(answer.index, [], each.error)
        return None

    def _failed(self, step: Step, sent: Batch, answer: Answer) -> Failed:
        number = sent.statement_number(answer.index)
        problem = answer.error or psycopg.Error()
        if number:
            error = refused(problem, step.script.statements[number - 1])
            if ends_transactions(step.script.statements[number - 1], answer):
                hint = "each statement runs by itself, and may commit, with: -- sqlmigrate: no-transaction"
                error = error.with_(hint=hint)
        elif _is_division(answer):
            error = _broken_transaction(step)
        elif answer.index == sent.completing and isinstance(problem, psycopg.errors.UndefinedTable):
            error = _history_gone(step, self._history.name)
        else:
            error = at_commit(problem, step.script.statements, step.script.source)
        error = error.with_(
            detail=[*error.detail, *self._under_way.in_the_way(answer)],
            next_steps=[f"{cure(problem.sqlstate)}, then: sqlmigrate {step.direction}"],
        )
        if not sent.is_dry_run:
            error = self._under_way.record(step, error, 0)
        return Failed(step, error, number, len(step.script.statements), self._under_way.elapsed())

    # what goes wrong outside of a statement

    def _lost(self, alone: NoTransactionStep, problem: psycopg.Error) -> Event:
        message = problem.diag.message_primary or f"the connection was lost: {reason(problem)}"
        again = f"{cure(problem.sqlstate or '08')}, then: sqlmigrate {alone.step.direction}"
        return self._settle(alone, StatementError(message, sqlstate=problem.sqlstate, next_steps=(again,)))

    def _settle(self, alone: NoTransactionStep, error: StatementError) -> Failed | Finished:
        """Find out by the history what became of a step whose answers did not all come, and record a failure."""
        step, under_way, statements = alone.step, self._under_way, alone.step.script.statements
        total, number = len(statements), (under_way.done + 1) if under_way.done < len(statements) else 0
        error = error.with_(span=statements[number - 1].span if number else step.script.source.span(0, 0))
        try:
            execution = self._looked_up(step)
        except (psycopg.Error, SqlmigrateError) as problem:
            error = error.with_(detail=[*error.detail, f"the history could not be read: {reason(problem)}"])
            return Failed(step, error, number, total, under_way.elapsed(), (_unknown(step, number),))
        if (execution is not None and execution.status == "executed") == (step.direction == "up"):
            return Finished(step, total, under_way.elapsed())
        done = execution.statements_done if execution and step.script.mode == "statements" else 0
        error = under_way.record(step, error, done)
        return Failed(step, error, number, total, under_way.elapsed(), tuple(alone.kept(done, number)))

    def _looked_up(self, step: Step) -> Execution | None:
        """Read the row of a step, as soon as nothing is executed any more."""
        self._under_way.stop()
        found = read.executions(self._session, self._history)
        return next((one for one in found if one.version == step.version), None)


def _is_division(answer: Answer) -> bool:
    return isinstance(answer.error, psycopg.errors.DivisionByZero)


def _is_overtaken(answer: Answer, sent: Batch) -> bool:
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
    hint = "leave it where it is; from the start it can be in a schema of its own: --table history.migrations"
    return StatementError(message, step.script.source.span(0, 0), hint=hint)


def _held(step: Step, seconds: float, holders: Sequence[Blocker]) -> LockError:
    lines = [line for holder in holders for line in holder.lines] or [run_lock.GONE]
    return LockError(
        f"another run is still executing {step.label} after {seconds:g} s",
        detail=lines,
        state=NOTHING_EXECUTED_BY_THIS_RUN,
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
