"""Executes steps: chooses how, and finds out what became of a step whose connection was lost.

A step runs in one transaction (`transaction`), or each of its statements by itself (`no_transaction`).
"""

from __future__ import annotations

from collections.abc import Generator

import psycopg

from sqlmigrate.database import lost_process
from sqlmigrate.database.connect_errors import reason
from sqlmigrate.database.run_lock import Lock
from sqlmigrate.database.session import Session
from sqlmigrate.errors import ConnectError, ServerError, SqlmigrateError, StatementError
from sqlmigrate.history import read
from sqlmigrate.history.state import Execution, State
from sqlmigrate.plan.plan import Limits, Step

from .events import Event, Failed, Finished, Observation
from .no_transaction import NoTransactionStep
from .statement_errors import cure
from .step_run import Outcome, StepRun
from .transaction import TransactionStep


class Executor:
    """Executes steps over one session, one after the other."""

    def __init__(self, session: Session, state: State, limits: Limits, observation: Observation) -> None:
        self._session = session
        self._state = state
        self._limits = limits
        self._observation = observation
        self._last: StepRun | None = None
        self._is_direct = session.pid == state.server.pid  # no pooler answers in the server's place

    @property
    def lock(self) -> Lock:
        """What became of the lock of the run in the last step: the step may have given it back."""
        return self._last.lock if self._last else "held"

    def execute(self, step: Step) -> Generator[Event, None, Outcome]:
        """Execute a step, and tell how it ended; a failure is written to the history.

        Raises:
            ConnectError: The connection was lost while the step was committed, and the history shows that it is.
            HistoryError: What an earlier run was stopped in has another text now, and only the same can finish it.
            LockError: Another run has been executing this migration for too long.
        """
        run = self._last = self._run(step)
        way = TransactionStep(run) if step.script.mode == "transaction" else NoTransactionStep(run)
        try:
            return (yield from way.execute())
        except psycopg.OperationalError as error:
            yield (ended := self._settle(way, _lost(step, error)))
            if isinstance(ended, Finished):
                raise _lost_after(step) from None
            return "failed"
        except GeneratorExit:
            if not run.is_settled:
                self._settle(way, _interrupted(step))
            raise
        except KeyboardInterrupt:
            if not run.is_settled:
                yield self._settle(way, _interrupted(step))
            raise

    def rehearse(self, step: Step) -> Generator[Event, None, Outcome]:
        """Execute a step in the transaction that is open; nothing is committed, and no failure is written."""
        return (yield from TransactionStep(self._run(step), dry_run=True).execute())

    def stop(self, transaction: str = "") -> None:
        """Cancel and roll back what is being executed; over a new connection if this one does not answer.

        `transaction` is the number of the transaction that may still be executed, if it is known. Raises `ServerError`
        if it is not known whether anything is still executed; sessions of others are left alone.
        """
        try:
            self._session.abort()
        except psycopg.OperationalError:
            self._session.reconnect()
            server = self._state.server
            if self._is_direct:
                lost_process.end(self._session, server)
            elif transaction:
                lost_process.wait_for(self._session, server, transaction)
            else:
                lost_process.require_same_server(self._session, server)

    def _run(self, step: Step) -> StepRun:
        return StepRun(step, self._session, self._state, self._limits, self._observation)

    def _settle(self, way: TransactionStep | NoTransactionStep, error: StatementError) -> Failed | Finished:
        """Find out in the history what became of a step whose answers did not all arrive, and record a failure."""
        run = way.run
        step, statements = run.step, run.step.script.statements
        number = run.done + 1 if run.done < run.total else 0
        error = run.failure or error.with_(
            span=statements[number - 1].span if number else step.script.source.span(0, 0)
        )
        try:
            execution = self._look_up(step, way.transaction)
        except (psycopg.Error, SqlmigrateError) as problem:
            return run.failed(_not_looked_up(error, problem), number, [_unknown(step, number)])
        if _is_done(step, execution):
            return Finished(step, run.total, run.elapsed_ms)
        done = _statements_done(step, execution)
        error = run.record(error, done)
        return run.failed(error, number, way.what_stays(done, number))

    def _look_up(self, step: Step, transaction: str) -> Execution | None:
        """Read the history row of a step, as soon as nothing is executed any more."""
        self.stop(transaction)
        found = read.executions(self._session, self._state.history)
        return next((each for each in found if each.version == step.version), None)


def _is_done(step: Step, execution: Execution | None) -> bool:
    """Tell by the history row whether a step took effect: after an up it is executed, after a down it is not."""
    is_executed = execution is not None and execution.status == "executed"
    return is_executed if step.direction == "up" else not is_executed


def _statements_done(step: Step, execution: Execution | None) -> int:
    """Return how many statements of a step the history has recorded as done."""
    if execution is None or step.script.mode == "transaction":
        return 0
    if step.direction == "up":
        return execution.statements_done
    return execution.undoing.done if execution.undoing else 0


def _lost(step: Step, problem: psycopg.Error) -> StatementError:
    message = problem.diag.message_primary or f"the connection was lost: {reason(problem)}"
    again = f"{cure(problem.sqlstate or '08')}, then: sqlmigrate {step.direction}"
    return StatementError(message, sqlstate=problem.sqlstate, next_steps=[again])


def _not_looked_up(error: StatementError, problem: psycopg.Error | SqlmigrateError) -> StatementError:
    """Add to an error why the history does not tell what became of the step, and what to do first."""
    detail = [*error.detail, f"the history could not be read: {reason(problem)}"]
    if isinstance(problem, ServerError):
        return error.with_(detail=detail, hint=problem.hint, next_steps=["sqlmigrate status"])
    return error.with_(detail=detail)


def _interrupted(step: Step) -> StatementError:
    again = f"sqlmigrate {step.direction}"
    return StatementError("interrupted: the statement was cancelled on the server", next_steps=[again])


def _lost_after(step: Step) -> ConnectError:
    return ConnectError(
        f"the connection was lost while {step.label} was being committed; the history shows that the commit succeeded",
        next_steps=[f"sqlmigrate {step.direction}"],
    )


def _unknown(step: Step, number: int) -> str:
    if step.script.mode == "transaction":
        return f"it is not known whether {step.label} was committed or rolled back: its history row will tell"
    return f"it is not known whether statement {number or len(step.script.statements)} of {step.label} was executed"
