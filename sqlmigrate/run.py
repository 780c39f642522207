"""Execute a plan, one event at a time.

`up` and `down` are generators: they yield what happens and print nothing. One code decides what is sent for a migration
(begin, history row, statements, the row completed, commit); it goes out in one turn, or, where somebody watches,
statement by statement. Closing the generator cancels what is under way and rolls back.
"""

from __future__ import annotations

import time
from collections.abc import Generator, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass

import psycopg

from . import database, envelope, history, lock, plan as planning, record, upkeep
from .database import Answer, Request, Session
from .envelope import Sent
from .errors import ConnectError, HistoryError, SqlmigrateError, StatementError
from .event import Began, Event, Failed, Finished, Noticed, NotTried, Planned, StatementDone, Waiting
from .files import Migration
from .history import History, State
from .plan import Direction, Plan, Policy, Step
from .refusal import refused, unplaced
from .split import Statement
from .statement import makes_index_concurrently, object_name

# -- the two directions, and looking -----------------------------------------------------------------------------------


def up(url: str, migrations: Sequence[Migration], policy: Policy | None = None) -> Generator[Event, None, None]:
    """Bring one database up to date, telling every step.

    `url` is libpq's (empty: its variables). Ends after a `Failed`. Raises `SqlmigrateError` for what keeps it from
    beginning; after Ctrl-C the step under way is cancelled and rolled back, then `KeyboardInterrupt` goes on.
    """
    return _run(url, "up", migrations, policy or Policy())


def down(url: str, migrations: Sequence[Migration], policy: Policy | None = None) -> Generator[Event, None, None]:
    """Take back the last execution, or more of them, telling every step; otherwise as `up`."""
    return _run(url, "down", migrations, policy or Policy())


def _run(
    url: str, direction: Direction, migrations: Sequence[Migration], policy: Policy
) -> Generator[Event, None, None]:
    with database.connect(url) as session:
        state = history.read(session, policy.table)
        plan = _plan(session, direction, migrations, state, policy)
        yield Planned(plan, state)
        if not plan.steps:
            return
        database.require_writable(state.server)
        database.require_standard_strings(session)
        history.require_writable(state)
        runner = _Runner(session, state.history, policy)
        read_again = yield from runner.lock(state)
        if read_again.executions != state.executions:
            plan = _plan(session, direction, migrations, read_again, policy)
            yield Planned(plan, read_again)
        runner.history = read_again.history
        yield from runner.execute(plan)


def _plan(
    session: Session, direction: Direction, migrations: Sequence[Migration], state: State, policy: Policy
) -> Plan:
    rows = planning.rows(migrations, state.executions)
    if direction == "up":
        if changed := planning.changed_rows(rows):
            raise upkeep.changed_error(session, state.history, changed)
        return Plan("up", rows, planning.up_steps(rows, policy))
    chosen = planning.down_rows(rows, policy)
    versions = [row.execution.version for row in chosen if row.execution]
    return Plan("down", rows, planning.down_steps(chosen, history.texts(session, state.history, versions)))


# -- executing ---------------------------------------------------------------------------------------------------------


@dataclass
class _Runner:
    session: Session
    history: History
    policy: Policy
    _started: float = 0.0
    _done: int = 0  # statements of the step under way that are answered

    def lock(self, state: State) -> Generator[Event, None, State]:
        """Take the run's lock, and read the history again under it: one turn where nobody holds it."""
        key = lock.lock_key(self.history.name)
        reading = history.read_again(self.history) if self.history.exists else ()
        (got,), *rest = self.session.ask(lock.try_lock(key), *reading)
        if got == ["true"] and self.history.exists:
            return State(state.server, self.history, history.rows_of(rest[1]), state.is_writable)
        if got != ["true"]:
            for holder in lock.wait(self.session, key, self.policy.lock_wait):
                yield Waiting(holder)
        return history.read(self.session, self.policy.table)

    def execute(self, plan: Plan) -> Iterator[Event]:
        """Execute the steps one after the other, up to the first that fails."""
        if self.policy.dry_run:
            yield from self._dry_run(plan.steps)
            return
        if not self.history.exists:
            self.session.ask(Request("begin"), *history.prepare(self.history), history.COMMIT)
        for step in plan.steps:
            yield Began(step)
            if (yield from _all_of(self._step(step))):
                return

    def _step(self, step: Step) -> Iterator[Event]:
        self._started, self._done = time.monotonic(), 0
        try:
            if step.script.mode == "transaction":
                yield from self._in_transaction(step, envelope.transaction(self.history, step))
            else:
                yield from self._one_by_one(step)
        except psycopg.OperationalError as error:
            yield (outcome := self._lost(step, error))
            if isinstance(outcome, Finished):
                raise _lost_after(step) from None
        except GeneratorExit:
            self._interrupted(step)
            raise
        except KeyboardInterrupt:
            yield self._interrupted(step)
            raise

    def _turn(self, requests: Sequence[Request]) -> Iterator[Answer]:
        if not self.policy.watched:
            yield from self.session.turn(requests)
            return
        for index, request in enumerate(requests):
            for answer in self.session.turn([request]):
                yield Answer(index, answer.rows, answer.error)
                if answer.error:
                    return

    # one transaction

    def _in_transaction(self, step: Step, sent: Sent) -> Iterator[Event]:
        duration = None
        for answer in self._turn(sent.requests):
            yield from self._notices(step)
            if answer.error:
                if answer.index <= sent.committing:
                    yield self._failed(step, sent, answer)
                    return
                break  # only the tidying up of the session failed
            if number := sent.statement_number(answer.index):
                self._done = number
                yield StatementDone(step, number, len(step.script.statements))
            if answer.index == sent.completing and answer.rows:
                duration = int(answer.rows[0][0] or 0)
        yield Finished(step, len(step.script.statements), duration or 0)

    def _failed(self, step: Step, sent: Sent, answer: Answer) -> Failed:
        if answer.error is None:
            raise AssertionError("only an error fails")
        number = sent.statement_number(answer.index)
        total = len(step.script.statements)
        if not number and isinstance(answer.error, psycopg.errors.DivisionByZero):
            error = _not_ours(step, beginning=answer.index < sent.completing)
        elif number:
            error = refused(answer.error, step.script.statements[number - 1])
        else:
            error = _at_commit(answer.error, step.script.statements)
        self._record(step, error, 0)
        return Failed(step, error, number, total, self._elapsed())

    def _record(self, step: Step, error: StatementError, done: int) -> None:
        """Roll back and write the failure, over a new connection where this one is gone; say where neither works."""
        if self.policy.dry_run:
            return
        writing = envelope.failure(self.history, step, done, error.message)
        try:
            try:
                self.session.abort()
                self.session.ask(*envelope.RESET, writing)
            except psycopg.OperationalError:
                self.session.reconnect()
                self.session.ask(writing)
        except (psycopg.Error, SqlmigrateError) as problem:
            error.detail = (*error.detail, f"the failure could not be written to the history: {_one_line(problem)}")

    # without a transaction

    def _one_by_one(self, step: Step) -> Iterator[Event]:
        first = self._resumed(step)
        statements = step.script.statements
        timeouts = [Request(f"set {name} to '{value}'") for name, value in envelope.timeouts(step)]
        if timeouts:
            self.session.ask(*timeouts)
        for number, statement in enumerate(statements[first:], start=first + 1):
            for answer in self.session.turn([envelope.request(statement)]):
                yield from self._notices(step)
                if answer.error:
                    yield self._stopped(step, refused(answer.error, statement), number)
                    return
            self._done = number
            yield StatementDone(step, number, len(statements))
            if step.direction == "up":
                self.session.ask(record.progress(self.history, step.version, number))
        yield Finished(step, len(statements), self._complete(step))

    def _resumed(self, step: Step) -> int:
        """Write that the step is running, and give how many statements are done already."""
        if step.direction == "down":
            return 0
        if not step.done_before:
            self.session.ask(record.begin_up(self.history, step.migration, len(step.script.statements)))
            return 0
        _require_same_beginning(self.session, self.history, step)
        self.session.ask(record.resume_up(self.history, step.version))
        return step.done_before

    def _complete(self, step: Step) -> int:
        if step.direction == "up":
            completing = record.end_up(self.history, step.version, in_transaction=False)
        else:
            completing = record.end_down(self.history, step.version, in_transaction=False, duration_ms=self._elapsed())
        *_, rows = self.session.ask(*envelope.RESET, completing)
        self.session.ask(*envelope.DISCARD)
        return int(rows[0][0] or 0)

    def _stopped(self, step: Step, error: StatementError, number: int) -> Failed:
        self._record(step, error, number - 1)
        kept = [*_staying(number - 1)]
        again = f"sqlmigrate {step.direction}" + (f" (it goes on at statement {number})" if number > 1 else "")
        error.next_steps = (f"fix the file or the data, then: {again}",)
        if name := self._invalid_index(step.script.statements[number - 1]):
            kept.append(f"the index {name} is left behind, marked invalid")
            error.next_steps = (f"psql: drop index concurrently {name};", *error.next_steps)
        return Failed(step, error, number, len(step.script.statements), self._elapsed(), tuple(kept))

    def _invalid_index(self, statement: Statement) -> str | None:
        """Give the name of the index that a failed ``CREATE INDEX CONCURRENTLY`` has left behind."""
        name = object_name(statement)
        if name and makes_index_concurrently(statement) and self.session.is_usable:
            with suppress(psycopg.Error):
                if self.session.ask(_invalid_index(name))[0]:
                    return name
        return None

    # what goes wrong outside of a statement

    def _interrupted(self, step: Step) -> Event:
        again = (f"sqlmigrate {step.direction}",)
        return self._settle(
            step, StatementError("interrupted: the statement was cancelled on the server", next_steps=again)
        )

    def _lost(self, step: Step, problem: psycopg.Error) -> Event:
        again = (f"sqlmigrate {step.direction}",)
        message = f"the connection was lost: {_one_line(problem)}"
        error = StatementError(message, sqlstate=problem.sqlstate, next_steps=again)
        with suppress(SqlmigrateError, psycopg.Error):
            self.session.reconnect()
        return self._settle(step, error)

    def _settle(self, step: Step, error: StatementError) -> Failed | Finished:
        """Find out by the history what became of a step whose answers did not all come, and record a failure."""
        done, statements = 0, step.script.statements
        error.span = statements[self._done].span if self._done < len(statements) else None
        with suppress(psycopg.Error):
            self.session.abort()
            found = {one.version: one for one in history.executions(self.session, self.history)}
            execution = found.get(step.version)
            if (execution is not None and execution.status == "executed") == (step.direction == "up"):
                return Finished(step, len(statements), self._elapsed())
            done = execution.statements_done if execution and step.script.mode == "statements" else 0
        self._record(step, error, done)
        number = self._done + 1 if error.span else 0
        return Failed(step, error, number, len(statements), self._elapsed(), tuple(_staying(done)))

    # a dry run

    def _dry_run(self, steps: Sequence[Step]) -> Iterator[Event]:
        opening = [Request("begin"), *(() if self.history.exists else history.prepare(self.history))]
        self.session.ask(*opening)
        for index, step in enumerate(steps):
            if step.script.mode == "statements":
                yield from _not_tried(steps[index:])
                break
            self._started, self._done = time.monotonic(), 0
            yield Began(step)
            sent = envelope.transaction(self.history, step, rehearsed=True)
            if (yield from _all_of(self._in_transaction(step, sent))):
                break
        self.session.abort()

    def _notices(self, step: Step) -> Iterator[Event]:
        while self.session.notices:
            severity, message = self.session.notices.pop(0)
            yield Noticed(step, severity, message)

    def _elapsed(self) -> int:
        return round((time.monotonic() - self._started) * 1000)


def _all_of(events: Iterator[Event]) -> Generator[Event, None, bool]:
    """Pass all events on, and give whether one of them is a failure."""
    failed = False
    for event in events:
        failed = failed or isinstance(event, Failed)
        yield event
    return failed


# -- pieces ------------------------------------------------------------------------------------------------------------


def _not_tried(steps: Sequence[Step]) -> Iterator[NotTried]:
    first = steps[0]
    yield NotTried(first, "it runs without a transaction, so it cannot be rolled back")
    for step in steps[1:]:
        yield NotTried(step, f"it comes after {first.label}")


def _require_same_beginning(session: Session, table: History, step: Step) -> None:
    """Raise `HistoryError` where a statement that is done already has another text by now."""
    recorded, _ = history.texts(session, table, [step.version]).get(step.version, (None, None))
    before = planning.read_text(step.label, recorded or "")
    for number in range(1, step.done_before + 1):
        now = step.script.statements[number - 1] if number <= len(step.script.statements) else None
        if now is None or number > len(before) or before[number - 1].text != now.text:
            raise HistoryError(
                f"{step.label}: statement {number} was executed already, and has another text by now",
                now and now.source.span(now.start),
                detail=[f"{step.done_before} statements of it are executed; it goes on only if those are unchanged"],
                hint="put the text of that statement back; what is behind the failed statement may be changed",
            )


def _staying(done: int) -> Iterator[str]:
    if done == 1:
        yield "statement 1 is executed and stays"
    elif done:
        yield f"statements 1 to {done} are executed and stay"


def _invalid_index(name: str) -> Request:
    return Request(
        "select 1 from pg_catalog.pg_index where indexrelid = pg_catalog.to_regclass($1) and not indisvalid", (name,)
    )


def _not_ours(step: Step, *, beginning: bool) -> StatementError:
    if beginning:
        return StatementError(
            f"{step.label}: another run has got hold of it meanwhile", next_steps=["sqlmigrate status"]
        )
    return StatementError(
        f"{step.label}: the transaction it began in is not the one it ended in: something in the file ended it",
        step.script.source.span(0, 0),
    )


def _at_commit(error: psycopg.Error, statements: Sequence[Statement]) -> StatementError:
    """Make the error of a COMMIT (a deferred constraint), at the statement that carries its names, if one does."""
    for statement in reversed(statements):
        placed = refused(error, statement)
        if placed.span and placed.span.start != statement.start:
            return placed
    return unplaced(error)


def _lost_after(step: Step) -> ConnectError:
    return ConnectError(
        f"the connection was lost when {step.label} was committed: the history shows that it was",
        detail=["what comes after it was not begun"],
        next_steps=[f"sqlmigrate {step.direction}"],
    )


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())
