"""Executes steps: chooses how, and finds out what became of a step whose connection was lost.

A step runs in one transaction (`transaction`), or each of its statements by itself (`no_transaction`).
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import closing, suppress
from dataclasses import replace
from itertools import takewhile

import psycopg
from psycopg import errors as pg

from sqlmigrate.database import lost_process
from sqlmigrate.database.connect import place_of
from sqlmigrate.database.run_lock import Lock
from sqlmigrate.database.session import COMMIT, Session
from sqlmigrate.errors import ServerError, SqlmigrateError, StatementError
from sqlmigrate.history import read, write
from sqlmigrate.history.state import INTERRUPTED, Execution, State
from sqlmigrate.history.write import Condition
from sqlmigrate.plan.plan import Limits, Step

from . import flight, lost_connection, resume
from .events import Began, Event, Failed, Finished, Noticed, Observation
from .lost_connection import Loss
from .no_transaction import NoTransactionStep
from .step_run import Outcome, StepRun
from .transaction import TransactionStep

_Way = TransactionStep | NoTransactionStep
_ErrorOf = Callable[[Step, int], StatementError]  # the error of a step of which so many statements are done


class Executor:
    """Executes steps over one session, one after the other.

    Attributes:
        done: How many steps the last call of `execute_all` has done.
        lock: What became of the lock of the run in the last step: the step may have given it back.
    """

    def __init__(self, session: Session, state: State, limits: Limits, observation: Observation) -> None:
        self._session = session
        self._state = state
        self._limits = limits
        self._observation = observation
        self._is_direct = state.server.is_direct
        self._told_done: list[Step] = []
        self._went_on = False  # whether the server was still executing something when its connection was lost
        self.done = 0
        self.lock: Lock = "held"

    def execute_all(self, steps: Sequence[Step]) -> Generator[Event, None, Outcome]:
        """Execute steps, up to the first that is not done, or that has given the lock of the run back.

        Steps in transactions are sent ahead where that is possible. Closing the generator, or Ctrl-C, may find some of
        them executed that no event has told of yet; each was only executed after the one before it. Errors are those of
        `execute`.
        """
        self.done, self.lock = 0, "held"
        while self.done < len(steps) and self.lock == "held":
            left = steps[self.done :]
            if ahead := self._ahead(left):
                outcome = yield from self._fly(ahead)
            else:
                yield Began(left[0])
                outcome = yield from self.execute(left[0])
                self.done += outcome == "done"
            if outcome != "done":
                return outcome
        return "done"

    def _ahead(self, steps: Sequence[Step]) -> Sequence[Step]:
        """Give the first of the steps that can be sent ahead of each other."""
        if self._observation.is_step_by_step:
            return ()
        return tuple(takewhile(flight.may_be_sent_ahead, steps))

    def _fly(self, steps: Sequence[Step]) -> Generator[Event, None, Outcome]:
        flying = flight.Flight(self._session, steps, self._after, is_direct=self._is_direct)
        before = self.done
        try:
            return (yield from self._told(flying.execute(), lambda: flying.unsettled))
        finally:
            self.done, self.lock = before + flying.done, flying.lock

    def _after(self, step: Step, last: Step | None) -> TransactionStep:
        only = Condition(
            is_ahead=True,
            after=last.version if last else None,
            is_prepared=self._is_direct and not self._state.history.is_distributed,
            written_by=self._written_by(step),
        )
        return TransactionStep(self._run(step), only=only)

    def _written_by(self, step: Step) -> str | None:
        """Return the transaction that must be the last to have written the row of a step; None if any may be.

        Behind a pooler, requests may arrive late: after a lost connection we may not end the process that executes
        them, since it belongs to others. What this run itself has written to the row since the plan does not count.
        Step by step, each request is answered before the next is sent; the steps of a review do not know their rows.
        """
        execution = step.execution
        is_written = resume.is_changed(step) or (execution is not None and execution.version != step.version)
        if self._is_direct or self._observation.is_step_by_step or is_written:
            return None
        return execution.written_by if execution else ""

    def execute(self, step: Step) -> Generator[Event, None, Outcome]:
        """Execute a step, and tell how it ended; a failure is written to the history.

        Raises:
            ConnectError: The connection was lost while the step was committed, and the history shows that it is.
            HistoryError: What an earlier run was stopped in has another text now, and only the same can finish it.
            LockError: Another run has been executing this migration for too long.
        """
        run = self._run(step)
        is_transaction = step.script.mode == "transaction"
        only = Condition(written_by=self._written_by(step))
        way = TransactionStep(run, only=only) if is_transaction else NoTransactionStep(run)
        try:
            return (yield from self._told(way.execute(), lambda: [] if run.is_settled else [way]))
        finally:
            self.lock = run.lock

    def _told(
        self, executing: Generator[Event, None, Outcome], unsettled: Callable[[], Sequence[_Way]]
    ) -> Generator[Event, None, Outcome]:
        """Give the events of an execution; if it is cut short, find out how the steps ended that are `unsettled`."""
        try:
            return (yield from self._remembered(executing))
        except psycopg.OperationalError as error:
            loss, last = Loss.of(self._session, error), None
            for event in self._settle(unsettled(), lambda step, done: loss.error(step, done, went_on=self._went_on)):
                yield event
                last = event
            if isinstance(last, Finished):
                raise lost_connection.lost_after(last.step) from None
            return "failed"
        except GeneratorExit:
            for _ in self._settle(unsettled(), _interrupted):
                pass
            raise
        except KeyboardInterrupt:
            yield from self._settle(unsettled(), _interrupted)
            raise

    def _remembered(self, executing: Generator[Event, None, Outcome]) -> Generator[Event, None, Outcome]:
        """Give the events of an execution, and remember the steps that they tell as finished.

        If a failure was recorded over a new connection, those are looked up again: it may lead to another server.
        """
        before = self._session.connections
        with closing(executing):  # a COPY that is being sent has to be cancelled first
            while True:
                try:
                    event = next(executing)
                except StopIteration as ended:
                    outcome: Outcome = ended.value
                    return outcome
                if isinstance(event, Finished):
                    self._told_done.append(event.step)
                elif isinstance(event, Failed) and self._session.connections != before:
                    with suppress(psycopg.Error):
                        event = self._with_gone(event, self._executions())
                yield event

    def _with_gone(self, failed: Failed, executions: Iterable[Execution]) -> Failed:
        """Add to a failure which server answers, and which steps that were told as done are not so by its history."""
        found = {each.version: each for each in executions}
        gone = tuple(each for each in self._told_done if not _is_done(each, found.get(each.version)))
        place = place_of(self._session.conn)
        return replace(failed, gone=gone, now_at="" if place == self._state.server.address else place)

    def _executions(self) -> tuple[Execution, ...]:
        """Read the history over a new connection; another server may not have got it, and then nothing of the run."""
        try:
            return read.executions(self._session, self._state.history)
        except pg.UndefinedTable:
            self._session.abort()
            return ()

    def rehearse(self, step: Step) -> Generator[Event, None, Outcome]:
        """Execute a step in the transaction that is open; nothing is committed, and no failure is written."""
        return (yield from TransactionStep(self._run(step), dry_run=True).execute())

    def stop(self) -> bool:
        """Cancel and roll back what is being executed; over a new connection if this one does not answer.

        Tells whether the connection is a new one. Behind a pooler, what was executed over the lost one may go on.
        Raises `ServerError` if it is not known whether anything is still executed; sessions of others are left alone.
        """
        try:
            self._session.abort()
        except psycopg.OperationalError:
            self._session.reconnect()
        else:
            return False
        server = self._state.server
        if self._is_direct:
            self._went_on = lost_process.end(self._session, server)
        else:
            lost_process.require_same_server(self._session, server)
        return True

    def _close(self) -> None:
        try:
            self._session.ask(*write.close(self._state.history))
        except pg.LockNotAvailable:
            self._session.abort()
            raise ServerError(
                "a transaction that writes it does not end",
                hint="it may be the one of the lost connection: select * from pg_stat_activity where state <> 'idle';",
            ) from None

    def _run(self, step: Step) -> StepRun:
        return StepRun(step, self._session, self._state, self._limits, self._observation)

    def _settle(self, ways: Sequence[_Way], error_of: _ErrorOf) -> Iterator[Began | Noticed | Failed | Finished]:
        """Find out in the history what became of steps whose answers did not all arrive, and record a failure.

        The first may have begun; no event has told yet of those that were sent ahead.
        """
        if not ways:
            return
        first = ways[0]
        try:
            executions, is_closed = self._look_up()
        except (psycopg.Error, SqlmigrateError) as problem:
            error, number = _placed(first.run, error_of)
            stays = [lost_connection.unknown(first.run.step, number)]
            failed = first.run.failed(lost_connection.not_looked_up(error, problem), number, stays)
            yield replace(failed, is_known=False)
            return
        yield from first.run.notices()  # such as: committed here, but maybe not on the synchronous standby
        done = [*takewhile(lambda way: _is_done(way.run.step, executions.get(way.run.step.version)), ways)]
        cut = None
        if len(done) < len(ways):
            cut = self._cut_short(ways[len(done)], executions, error_of, is_closed=is_closed)
        elif is_closed:
            self._session.ask(COMMIT)
        for run in [way.run for way in done]:
            if run.is_ahead:
                yield Began(run.step)
            run.is_settled = True
            yield Finished(run.step, run.total, run.elapsed_ms)
        if cut:
            yield self._with_gone(cut, executions.values())

    def _cut_short(
        self,
        way: _Way,
        executions: Mapping[str, Execution],
        error_of: _ErrorOf,
        *,
        is_closed: bool,
    ) -> Failed | None:
        """Record the failure of a step that was cut short, and give the event; None if no event has told that it began.

        Of a step that has not begun nothing is recorded, unless what was sent may still arrive.
        """
        run = way.run
        if run.is_ahead:
            if is_closed:
                run.record(lost_connection.never_begun(run.step), 0, is_closed=True)
            return None
        done = _statements_done(run.step, executions.get(run.step.version))
        error, number = _placed(run, error_of, done)
        error = run.record(error, done, is_closed=is_closed)
        return run.failed(error, number, way.what_stays(done, number))

    def _look_up(self) -> tuple[Mapping[str, Execution], bool]:
        """Read the history, as soon as nothing is executed any more; tells whether it is closed to all others.

        Behind a pooler, requests of a lost connection may still arrive. So the history is read in a transaction that
        lets no other write it, and that stays open: a row written in it keeps those requests from doing anything.
        """
        is_new = self.stop()
        if not is_new or self._is_direct:
            found = self._executions() if is_new else read.executions(self._session, self._state.history)
            return {each.version: each for each in found}, False
        try:
            self._close()
        except pg.UndefinedTable:  # another server, which did not get it
            self._session.abort()
            return {}, False
        _, reading, _ = read.read_again(self._state.history)
        found = read.rows_of(self._session.ask(reading)[0])
        return {each.version: each for each in found}, True


def _placed(run: StepRun, error_of: _ErrorOf, done: int = 0) -> tuple[StatementError, int]:
    """Return the error of a step that was cut short, and the statement that it was cut in; 0 if it was none."""
    statements = run.step.script.statements
    number = run.done + 1 if run.done < run.total else 0
    span = statements[number - 1].span if number else run.step.script.source.span(0, 0)
    return run.failure or error_of(run.step, done).with_(span=span), number


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


def _interrupted(step: Step, _done: int) -> StatementError:
    again = f"sqlmigrate {step.direction}"
    return StatementError(f"{INTERRUPTED}: the statement was cancelled on the server", next_steps=[again])
