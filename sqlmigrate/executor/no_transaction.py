"""A step without a transaction: each statement on its own, recorded one by one, to go on where it stopped."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from contextlib import suppress
from typing import Literal

import psycopg

from sqlmigrate.database.session import COMMIT, Answer, Request
from sqlmigrate.errors import StatementError
from sqlmigrate.history import write
from sqlmigrate.parsing.statement import Statement
from sqlmigrate.plan.plan import Step

from . import batch, resume
from .events import Event, Failed, Finished, Recovered, StatementDone, StatementOpen
from .statement_errors import cure, refused
from .step_run import StepRun, ends_transactions, is_locked_out

_FIX = "fix the file or the data"


class NoTransactionStep:
    """Executes the statements of one step, each on its own."""

    def __init__(self, under_way: StepRun, step: Step) -> None:
        self._under_way = under_way
        self._session = under_way.session
        self._history = under_way.history
        self._limits = under_way.limits
        self.step = step
        self._statements = step.script.statements
        self._commits = False  # whether the statement under way ends transactions of its own

    def execute(self) -> Generator[Event, None, Literal["done", "failed"]]:
        """Execute what is not done yet; a failure is written to the history."""
        step, statements = self.step, self._statements
        first = resume.start(self._session, self._history, step)
        if failed := self._set_again(first):
            yield failed
            return "failed"
        for number, statement in enumerate(statements[first:], start=first + 1):
            self._under_way.done = number - 1
            way = resume.way_on(self._session, step, number) if number == first + 1 else resume.Continuation()
            if way.said:
                yield Recovered(step, number, way.said)
            failing = None if way.is_done else (yield from self._tried(number, way))
            if failing:
                yield self._stopped(refused(failing.error or psycopg.Error(), statement), number, failing)
                return "failed"
            if way.is_done or self._commits or not statement.kind.runs_in_transaction:
                self._note(number)
            if trace := self._invalid(statement):
                yield self._useless(number, trace)
                return "failed"
            self._under_way.done = number
            yield StatementDone(step, number, len(statements))
        yield Finished(step, len(statements), self._complete())
        return "done"

    def _set_again(self, done: int) -> Failed | None:
        """Set anew what the statements done have set for the session of an earlier run."""
        for number, statement in enumerate(self._statements[:done], start=1):
            if statement.kind.session_setting:
                try:
                    self._session.ask(batch.request(statement))
                except psycopg.Error as problem:
                    error = self._under_way.record(self.step, refused(problem, statement), done)
                    return self._failed(error, number, _staying(done))
        return None

    def _note(self, done: int, making: str | None = None) -> None:
        """Write how far a file without a transaction is, whatever role it has set."""
        if self.step.direction == "up":
            noted = write.progress(self._history, self.step.version, done, making)
            self._session.ask(Request("begin"), *batch.AS_OURSELVES, noted, COMMIT)

    def _tried(self, number: int, way: resume.Continuation) -> Generator[Event, None, Answer | None]:
        """Execute one statement, again where locks stood in the way; gives the answer that failed, if one did."""
        statement = self._statements[number - 1]
        is_alone = not statement.kind.runs_in_transaction
        if way.first:
            self._session.ask(Request(way.first))
        if is_alone:
            self._note(number - 1, resume.mark(number, resume.trace(self._session, statement)))
        tries, self._commits = 0, False
        while failing := (yield from self._once(number, way)):
            if not self._commits and ends_transactions(statement, failing):
                self._commits = True
                self._session.abort()
                self._note(number - 1, resume.mark_of_commits(number))
                continue
            if not is_locked_out(failing) or tries == self._limits.lock_retries or self._invalid(statement):
                return failing
            tries += 1
            self._session.abort()
            yield from self._under_way.pause(self.step, number, failing, tries)
        return None

    def _once(self, number: int, way: resume.Continuation) -> Generator[Event, None, Answer | None]:
        """Send one statement: with its record in a transaction where it can be, else by itself."""
        step, statement = self.step, self._statements[number - 1]
        requests = [batch.request(statement)] if way.instead is None else [Request(way.instead)]
        bounds = [*batch.bounds(step, self._limits.lock_timeout, statement)]
        is_open = statement.kind.runs_in_transaction and not self._commits
        if is_open:
            up = step.direction == "up"
            noted = [*batch.AS_OURSELVES, write.progress(self._history, step.version, number)] if up else []
            requests = [Request("begin"), *requests, *noted, COMMIT]
        self._session.ask(*bounds)
        for answer in self._under_way.turn(requests):
            yield from self._under_way.notices(step)
            if answer is None:
                yield self._under_way.progress(step)
            elif answer.error:
                return answer
            elif self._under_way.is_step_by_step and is_open and answer.index == 1:
                yield StatementOpen(step, number)
        return None

    def _invalid(self, statement: Statement) -> resume.CatalogState | None:
        """Give the index that a ``CREATE INDEX CONCURRENTLY`` was to make, where it is there and invalid."""
        effect = statement.kind.catalog_effect
        up = self.step.direction == "up"
        if not up or effect is None or effect.action != "create index" or not self._session.is_usable:
            return None
        with suppress(psycopg.Error):
            found = resume.trace(self._session, statement)
            return found if found and found.found == "invalid" else None
        return None

    def _useless(self, number: int, index: resume.CatalogState) -> Failed:
        """Make the failure of an ``IF NOT EXISTS`` that met an invalid index: it would never be used."""
        span = self._statements[number - 1].span
        error = StatementError(
            f"the index {index.name} was there before, and is invalid: no query uses it",
            span,
            next_steps=[f"psql: drop index concurrently {index.name};", f"sqlmigrate {self.step.direction}"],
        )
        error = self._under_way.record(self.step, error, number - 1)
        return self._failed(error, number, _staying(number - 1))

    def _complete(self) -> int:
        version = self.step.version
        if self.step.direction == "up":
            completing = write.end_up(self._history, version, in_transaction=False)
        else:
            elapsed = self._under_way.elapsed()
            completing = write.end_down(self._history, version, in_transaction=False, duration_ms=elapsed)
        *_, rows = self._session.ask(*batch.RESET, completing)
        self._session.ask(*batch.DISCARD)
        return int(rows[0][0] or 0)

    def _stopped(self, error: StatementError, number: int, answer: Answer) -> Failed:
        direction = self.step.direction
        where = f" (it goes on at statement {number})" if direction == "up" else " (it begins at statement 1 again)"
        again = f"sqlmigrate {direction}" + (where if number > 1 else "")
        error = error.with_(
            detail=[*error.detail, *self._under_way.in_the_way(answer)],
            next_steps=[f"{cure(error.sqlstate, _FIX)}, then: {again}"],
        )
        error = self._under_way.record(self.step, error, number - 1)
        return self._failed(error, number, self.kept(number - 1, number))

    def _failed(self, error: StatementError, number: int, kept: Iterator[str]) -> Failed:
        return Failed(self.step, error, number, len(self._statements), self._under_way.elapsed(), tuple(kept))

    def kept(self, done: int, number: int) -> Iterator[str]:
        """Say what stays in the database where `done` statements are done and `number` failed (0: none of them)."""
        yield from _staying(done)
        if number and self._commits:
            yield f"what statement {number} had committed by itself stays as well, and the next run begins it anew"
        if number and (index := self._invalid(self._statements[number - 1])):
            yield f"the index {index.name} is left behind, marked invalid: the next up drops it and builds it anew"


def _staying(done: int) -> Iterator[str]:
    if done == 1:
        yield "statement 1 is executed and stays"
    elif done:
        yield f"statements 1 to {done} are executed and stay"
