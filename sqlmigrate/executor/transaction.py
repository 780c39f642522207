"""A step in one transaction, together with its history row."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Sequence
from functools import partial

from sqlmigrate.database import run_lock
from sqlmigrate.database.session import Answer
from sqlmigrate.errors import NOTHING_EXECUTED_BY_THIS_RUN, Kind, LockError, StatementError
from sqlmigrate.history import write
from sqlmigrate.history.write import ALWAYS, Condition

from . import batch, resume
from .batch import Part
from .clean_up import clean_up
from .events import Event, Failed, Finished
from .history_errors import of_history_row
from .session_state import of_encoding
from .statement_errors import at_commit, refused
from .step_run import Attempt, OnAnswer, Outcome, Refusal, StepRun, ends_transactions

_COMMITS = "it may commit only if each statement of the file runs on its own: -- sqlmigrate: no-transaction"

_NOT_PREPARED = "26000"  # invalid_sql_statement_name
_MAY_BE_COMMITTED = "what the file did before it ended the transaction may be committed: look before you go on"


def _is_of_session(refusal: Refusal) -> bool:
    """Tell whether a request failed because a file before it has changed our session."""
    missing = write.missing_row(refusal.error) if refusal.part.role == "begin" else None
    is_early = missing is not None and missing.why == "early"
    return is_early or (refusal.part.number == 0 and refusal.error.sqlstate == _NOT_PREPARED)


def _holder_unseen(run: StepRun) -> str:
    return f"which session executes it is not known: {run.unseen}" if run.unseen else run_lock.GONE


class TransactionStep:
    """Executes one step in one transaction; in a dry run in the transaction that is open, which stays open.

    Attributes:
        run: The step that is being executed.
        parts: What is sent for it.
        transaction: The number of its transaction; empty until it has begun.
    """

    def __init__(self, run: StepRun, *, only: Condition = ALWAYS, dry_run: bool = False) -> None:
        """Take a step; it does nothing unless the condition `only` holds."""
        self.run = run
        run.is_dry_run = dry_run
        self._needs_session = only.is_prepared
        self.parts = batch.transaction(run.state, run.step, run.limits.lock_timeout, only=only, dry_run=dry_run)
        self.transaction = ""
        self._duration_ms = 0
        self._deferrable: Sequence[str | None] = (None, None)

    def execute(self, exchange: Callable[[OnAnswer], Attempt] | None = None) -> Generator[Event, None, Outcome]:
        """Execute the step; a failure is written to the history.

        Args:
            exchange: Sends `parts`, and gives the answers, as `StepRun.send` does; None for that.

        Raises:
            HistoryError: An earlier run was stopped in a statement, and only the same statement can finish it.
            LockError: Another run has been executing this migration for too long.
        """
        refusal = None
        if resume.is_changed(self.run.step):  # it was executed without a transaction before
            refusal = yield from clean_up(self.run)
        sending = exchange or partial(self.run.send, self.parts)
        refusal = refusal or (yield from self.run.repeat(partial(self._attempt, sending), self._may_try_again))
        if refusal is None:
            self.run.is_settled = True
            yield Finished(self.run.step, self.run.total, self._duration_ms)
            return "done"
        if not self.run.is_dry_run and refusal.part.role == "begin" and write.missing_row(refusal.error):
            self.run.session.abort()
            return "overtaken"
        yield self._failed(refusal)
        return "failed"

    def what_stays(self, done: int, number: int) -> Iterator[str]:  # noqa: ARG002 - the same as without a transaction
        """Say what stays in the database after a failure: nothing, because the transaction is rolled back."""
        yield from ()

    def _attempt(self, exchange: Callable[[OnAnswer], Attempt]) -> Attempt:
        self.run.done, self.transaction = 0, ""
        refusal = yield from exchange(self._answered)
        if (
            refusal and self._needs_session and _is_of_session(refusal)
        ):  # something that a file before has called did it
            self.run.session.abort()
            self.run.session.ask(*batch.DISCARD)
            self._needs_session = False
            self.parts = batch.transaction(self.run.state, self.run.step, self.run.limits.lock_timeout)
            refusal = yield from exchange(self._answered)
        if self.run.is_dry_run and not refusal:
            return (yield from self.run.send(batch.instead_of_commit(*self._deferrable), self._answered))
        return refusal

    def _answered(self, part: Part, answer: Answer) -> Iterator[Event]:
        match part.role:
            case "statement":
                yield self.run.answered(part.number)
            case "process":
                self.run.pid = int(answer.rows[0][0] or 0)
            case "begin":
                begun = write.begun(answer.rows)
                self.run.pid, self.transaction = begun.pid, begun.transaction
            case "complete":
                self._duration_ms = write.duration_ms(answer.rows)
            case "deferrable":
                self._deferrable = answer.rows[0]
            case _:
                pass

    def _may_try_again(self, refusal: Refusal, tries: int) -> bool:
        if self.run.is_dry_run:  # a failure ends the transaction that is open
            return False
        if refusal.part.role != "begin":
            return self.run.limits.blocked + tries < self.run.limits.lock_retries
        if self.run.elapsed_ms > (self.run.limits.lock_wait - self.run.limits.waited) * 1000:
            raise self._held()
        return True

    def _held(self) -> LockError:
        run = self.run
        run.session.abort()
        return LockError(
            f"another run is still executing {run.step.label} after {run.limits.lock_wait:g} s",
            detail=[line for blocker in run.blockers for line in blocker.lines] or [_holder_unseen(run)],
            state=NOTHING_EXECUTED_BY_THIS_RUN,
            next_steps=[f"sqlmigrate {run.step.direction}"],
        )

    def _failed(self, refusal: Refusal) -> Failed:
        error = self._error(refusal)
        error = error.with_(
            detail=[*error.detail, *self.run.in_the_way(refusal)],
            next_steps=[f"{self.run.cure(refusal, error.sqlstate)}, then: sqlmigrate {self.run.step.direction}"],
        )
        if not self.run.is_dry_run:
            error = self.run.record(error, 0)
        stays = [_MAY_BE_COMMITTED] if error.kind is Kind.TRANSACTION_ENDED else []
        return self.run.failed(error, refusal.part.number, stays)

    def _error(self, refusal: Refusal) -> StatementError:
        step = self.run.step
        if number := refusal.part.number:
            statement = step.script.statements[number - 1]
            error = refused(refusal.error, statement)
            return error.with_(hint=_COMMITS) if ends_transactions(statement, refusal) else error
        found = of_history_row(refusal, step, self.run.state.history, self.transaction)
        found = found or of_encoding(refusal.error, step)
        return found or at_commit(refusal.error, step.script.statements, step.script.source)
