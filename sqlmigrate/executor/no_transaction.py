"""A step without a transaction: each statement on its own, recorded one by one, continued where it stopped."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from contextlib import suppress

import psycopg

from sqlmigrate.database import run_lock
from sqlmigrate.database.own_settings import KEEP_ENCODING, LOCALLY
from sqlmigrate.database.session import COMMIT, Answer, Request
from sqlmigrate.errors import StatementError
from sqlmigrate.history import write
from sqlmigrate.history.state import Undoing
from sqlmigrate.parsing.session_objects import to_send_again
from sqlmigrate.parsing.statement import Statement

from . import batch, resume, session_state
from .batch import Part
from .clean_up import clean_up
from .events import Event, Failed, Finished, Recovered, StatementAlone, StatementOpen
from .history_errors import of_history_row
from .statement_errors import OUTSIDE, refused, unplaced
from .step_run import (
    SERIALIZATION,
    Attempt,
    Outcome,
    Refusal,
    StepRun,
    ends_transactions,
    may_commit,
    needs_no_transaction,
    tell_nothing,
)

# The check of the lock hides what the server says; its COMMIT may say that it has not waited for a standby.
_SAY_AGAIN = Request("set local client_min_messages to default", quiet=True)
_FIX = "fix the file or the data"


class _LockTaken(Exception):  # noqa: N818 - not an error: the step is left to the run that has the lock
    """A statement gave the lock of the run back, and another run has taken it."""


class NoTransactionStep:
    """Executes the statements of one step, each on its own.

    Attributes:
        run: The step that is being executed.
    """

    def __init__(self, run: StepRun) -> None:
        self.run = run
        self._session = run.session
        self._history = run.state.history
        self._statements = run.step.script.statements
        self._is_alone = False  # whether the statement that is being executed was refused in a transaction
        self._commits = False  # whether it is one that ends transactions itself
        self._mark: resume.Mark | None = None  # how its object was found before, if it cannot run in a transaction
        self._duration_ms = 0

    def execute(self) -> Generator[Event, None, Outcome]:
        """Execute the statements that are not done yet; a failure is written to the history.

        Raises:
            HistoryError: What an earlier run was stopped in has another text now, and only the same can finish it.
        """
        first = self.run.step.done_before
        try:
            failed = self._set_again(first) if first else None
            if failed is None and resume.is_changed(self.run.step):
                refusal = yield from clean_up(self.run)
                failed = self._failed(refusal, first) if refusal else None
            if failed is None:
                refusal = yield from self._begin(first)
                if refusal and write.missing_row(refusal.error):
                    self._session.abort()
                    return "overtaken"
                failed = self._failed(refusal, first) if refusal else None
            if failed is None:
                failed = yield from self._from(first + 1)
            if failed is None:
                failed = yield from self._complete()
        except _LockTaken:
            self.run.lock = "taken"
            self._session.abort()
            return "overtaken"
        if failed is None:
            return "done"
        yield failed
        return "failed"

    def what_stays(self, done: int, number: int) -> Iterator[str]:
        """Say what stays in the database if `done` statements are done and statement `number` failed (0: none)."""
        if done == 1:
            yield "statement 1 is executed and stays"
        elif done:
            yield f"statements 1 to {done} are executed and stay"
        if number and (self._commits or self._may_stay_in_part(number)):
            yield f"what statement {number} has committed itself stays; the next run executes the whole statement again"
        if number and (left := self._left(number)):
            yield left.said

    def _may_stay_in_part(self, number: int) -> bool:
        """Tell whether a statement that was refused in a transaction may have committed a part of what it does."""
        return self._is_alone and self._statements[number - 1].kind.catalog_effect is None

    def _begin(self, first: int) -> Attempt:
        """Record that the step begins; if statements are done, the session may have the role of the file."""
        begin = Part(resume.beginning(self._history, self.run.step), "begin")
        ours = (KEEP_ENCODING, *batch.AS_OURSELVES, LOCALLY) if first else (LOCALLY,)
        return (yield from self._insist(Part(batch.BEGIN), *map(Part, ours), begin, Part(COMMIT)))

    # the statements

    def _from(self, first: int) -> Generator[Event, None, Failed | None]:
        """Execute the statements from number `first` on, up to the first that fails."""
        for number in range(first, self.run.total + 1):
            if failed := (yield from self._statement(number, is_first=number == first)):
                return failed
        return None

    def _statement(self, number: int, *, is_first: bool) -> Generator[Event, None, Failed | None]:
        """Execute one statement and record it; `is_first` says that an earlier run may have stopped in it."""
        statement = self._statements[number - 1]
        self.run.done = number - 1
        self._is_alone, self._commits, self._mark = False, False, None
        way = resume.continuation(self._session, self.run.step, number) if is_first else resume.Continuation()
        if way.said:
            yield Recovered(self.run.step, number, way.said)
        refusal = None if way.is_done else (yield from self._execute(number, way))
        if not refusal and (way.is_done or self._is_alone or not statement.kind.runs_in_transaction):
            refusal = yield from self._note(number, done=number)
        if refusal:
            return self._failed(refusal, number - 1)
        if index := self._invalid(statement):
            return self._useless(number, index)
        yield self.run.answered(number)
        return None

    def _execute(self, number: int, way: resume.Continuation) -> Attempt:
        statement = self._statements[number - 1]
        refusal = None
        for each in way.first:  # one by one: two of them in one turn would be in a transaction
            refusal = refusal or (yield from self._insist(Part(Request(each), number=number)))
        if not refusal and not statement.kind.runs_in_transaction:
            self._mark = resume.mark(self._session, number, statement)
            refusal = yield from self._note(number, done=number - 1, unfinished=self._mark)
        return refusal or (yield from self.run.repeat(lambda: self._attempt(number, way), self._may_try_again))

    def _attempt(self, number: int, way: resume.Continuation) -> Attempt:
        """Send one statement: in a transaction together with its record if possible, otherwise by itself.

        For some statements only the server knows whether it is possible: they are sent in a transaction first.
        """
        run, statement = self.run, self._statements[number - 1]
        request = batch.request(statement) if way.instead is None else Request(way.instead)
        part = Part(request, "statement", number)
        self._session.ask(*batch.bounds(run.step, run.limits.lock_timeout, statement))
        if self._is_alone or not statement.kind.runs_in_transaction:
            return (yield from run.send([part], tell_nothing))
        begin, commit = Part(batch.BEGIN, number=number), Part(COMMIT, "commit", number)
        bound = [
            Part(each, number=number) for each in batch.bound_on_workers(run.state, run.step, run.limits.lock_timeout)
        ]
        parts = [begin, *bound, *self._encoding(number), part, *self._recording(number, number), commit]
        refusal = yield from run.send(parts, self._tell_open)
        if not refusal or not (ends_transactions(statement, refusal) or needs_no_transaction(refusal)):
            return refusal
        self._session.abort()  # nothing of it is done
        self._is_alone, self._commits = True, may_commit(statement)
        yield StatementAlone(run.step, number)
        refusal = yield from self._note_alone(number)
        return refusal or (yield from run.send([part], tell_nothing))

    def _note_alone(self, number: int) -> Attempt:
        """Record what tells a later run how to go on if statement `number` is cut short."""
        if self._commits:
            return (yield from self._note(number, done=number - 1, unfinished=resume.mark_of_commits(number)))
        self._mark = resume.mark_of_refused(self._session, number, self._statements[number - 1])
        return (yield from self._note(number, done=number - 1, unfinished=self._mark))

    def _tell_open(self, part: Part, _: Answer) -> Iterator[Event]:
        if part.role == "statement" and self.run.is_step_by_step:
            yield StatementOpen(self.run.step, part.number)

    # recording

    def _recording(self, number: int, done: int, unfinished: resume.Mark | None = None) -> list[Part]:
        """Give what records in the open transaction how far the file is, whatever role the file has set."""
        step, kept = self.run.step, str(unfinished) if unfinished else None
        if step.direction == "up":
            noted = write.progress(self._history, step.version, done, kept)
        else:
            noted = write.progress_down(self._history, step.version, Undoing(done, self.run.total, kept))
        checked = [Part(each, "lock", number) for each in self.run.require_lock()]
        checked += [Part(_SAY_AGAIN, number=number)] if checked else []
        ours = (KEEP_ENCODING, *batch.AS_OURSELVES)
        return [*(Part(each, number=number) for each in ours), *checked, Part(noted, "note", number)]

    def _encoding(self, number: int) -> list[Part]:
        """Give what sets the encoding of the server's file that a COPY reads or writes."""
        setting = session_state.encoding_of_files(self._statements, number)
        return [Part(Request(setting.text), number=number)] if setting else []

    def _note(self, number: int, *, done: int, unfinished: resume.Mark | None = None) -> Attempt:
        """Record at statement `number`, in a transaction of its own, that `done` statements are executed."""
        begin, commit = Part(batch.BEGIN, number=number), Part(COMMIT, number=number)
        locally = Part(LOCALLY, number=number)
        return (yield from self._insist(begin, locally, *self._recording(number, done, unfinished), commit))

    def _insist(self, *parts: Part) -> Attempt:
        """Send requests of our own, again if locks of other sessions are in the way."""
        return (yield from self.run.repeat(lambda: self.run.send(parts, tell_nothing), self._may_try_again))

    def _may_try_again(self, refusal: Refusal, tries: int) -> bool:
        if refusal.part.role == "statement" and self._left(refusal.part.number):
            return False  # the next attempt would find the name of the index taken, or leave one more
        if self._commits and refusal.error.sqlstate == SERIALIZATION:
            return False  # what the statement has committed by itself stays, and would be done once more
        return self.run.limits.blocked + tries < self.run.limits.lock_retries

    # before and after the statements

    def _set_again(self, done: int) -> Failed | None:
        """Send again what changes only the session, and was sent in the session of an earlier run."""
        for number, statement in to_send_again(self._statements[:done]):
            bounds = batch.bounds(self.run.step, self.run.limits.lock_timeout, statement)
            try:
                self._session.ask(*bounds, batch.request(statement), KEEP_ENCODING)
            except psycopg.Error as problem:
                error = self.run.record(refused(problem, statement), done)
                return self.run.failed(error, number, self.what_stays(done, 0))
        return None

    def _complete(self) -> Generator[Event, None, Failed | None]:
        run = self.run
        if run.step.direction == "up":
            completing = write.end_up(self._history, run.step.version, in_transaction=False)
        else:
            completing = write.end_down(self._history, run.step.version, duration=run.elapsed_ms)
        parts = [Part(batch.BEGIN), *map(Part, batch.reset(run.state)), Part(completing, "complete"), Part(COMMIT)]
        if refusal := (yield from run.repeat(lambda: run.send(parts, self._keep_duration), self._may_try_again)):
            return self._failed(refusal, run.total)
        self._session.ask(*batch.DISCARD)
        run.is_settled = True
        yield Finished(run.step, run.total, self._duration_ms)
        return None

    def _keep_duration(self, part: Part, answer: Answer) -> Iterator[Event]:
        if part.role == "complete":
            self._duration_ms = write.duration_ms(answer.rows)
        yield from ()

    # failures

    def _invalid(self, statement: Statement) -> resume.CatalogState | None:
        """Give the index that a ``CREATE INDEX CONCURRENTLY`` was to build, if it exists and is invalid."""
        effect = statement.kind.catalog_effect
        if effect is None or effect.action != "create index" or not self._session.is_usable:
            return None
        with suppress(psycopg.Error):
            found = resume.trace(self._session, effect)
            return found if found.found == "invalid" else None
        return None

    def _left(self, number: int) -> resume.Left | None:
        """Give what statement `number`, which has just failed, has left behind."""
        if self._mark is None or self._mark.number != number or not self._session.is_usable:
            return None
        with suppress(psycopg.Error):
            return self._look_what_is_left(number, self._mark)
        return None

    def _look_what_is_left(self, number: int, before: resume.Mark) -> resume.Left | None:
        self._session.abort()
        return resume.left(self._session, self._statements[number - 1], before, self.run.step.direction)

    def _keep_left(self, number: int) -> None:
        """Keep in the history what statement `number` has left behind; if it has left nothing, the mark goes."""
        if self._mark is None or self._commits or not self._session.is_usable:
            return
        with suppress(psycopg.Error):
            left = self._look_what_is_left(number, self._mark)
            parts = self._recording(number, number - 1, left.mark if left else None)
            self._session.ask(batch.BEGIN, LOCALLY, *(part.request for part in parts), COMMIT)

    def _useless(self, number: int, index: resume.CatalogState) -> Failed:
        """Make the failure of an ``IF NOT EXISTS`` that found an invalid index: no query would use it."""
        error = StatementError(
            f"the index {index.name} existed before, and is invalid: no query uses it",
            self._statements[number - 1].span,
            next_steps=[f"psql: drop index concurrently {index.name};", f"sqlmigrate {self.run.step.direction}"],
        )
        error = self.run.record(error, number - 1)
        return self.run.failed(error, number, self.what_stays(number - 1, 0))

    def _failed(self, refusal: Refusal, done: int) -> Failed:
        """Record a failure after `done` statements, and make the event that tells of it."""
        if run_lock.is_taken(refusal.error):
            raise _LockTaken
        number, direction = refusal.part.number, self.run.step.direction
        error = self._error(refusal)
        where = f" (it goes on at statement {number})"
        again = (
            f"{self.run.cure(refusal, error.sqlstate, _FIX)}{where if number > 1 else ''}, then: sqlmigrate {direction}"
        )
        stays = tuple(self.what_stays(done, number))
        if number and refusal.part.role == "statement":
            self._keep_left(number)
        if direction == "down" and write.missing_row(refusal.error) and (self._commits or not number):
            again = "sqlmigrate status"  # the row is gone for good: another `down` would roll back another migration
        error = error.with_(detail=[*error.detail, *self.run.in_the_way(refusal)], next_steps=[again])
        error = self.run.record(error, done)
        return self.run.failed(error, number, stays)

    def _error(self, refusal: Refusal) -> StatementError:
        if found := of_history_row(refusal, self.run.step, self._history):
            return found
        number = refusal.part.number
        if not number:
            return unplaced(refusal.error, self.run.step.script.source.span(0, 0))
        statement = self._statements[number - 1]
        if refusal.part.role in ("statement", "commit"):
            error = refused(refusal.error, statement)
            return error.with_(hint=None) if error.hint == OUTSIDE else error  # it was sent without one
        return unplaced(refusal.error, statement.span)
