"""One run on one database: its lock, its steps, planned again where other runs came first, and its snapshot."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

import psycopg
from psycopg import errors as pg

from sqlmigrate.database import own_settings, pooler, run_lock
from sqlmigrate.database.session import Request, Session
from sqlmigrate.errors import HistoryError, SqlmigrateError
from sqlmigrate.executor.events import Event, Folded, Noted, Observation, Pausing, Postponed, Waiting
from sqlmigrate.history import read, table, write
from sqlmigrate.history.state import State
from sqlmigrate.plan.plan import Limits, Plan, Planned, Step
from sqlmigrate.times import after

from .executable import needs_session
from .order import Order

if TYPE_CHECKING:
    from sqlmigrate.executor.executor import Executor

    from .snapshot import Expected

_MOST_REPLANS = 3  # for one step; if it is overtaken more often, its row cannot be written at all


@dataclass(frozen=True)
class _Rest:
    """What is left of a run.

    Attributes:
        plan: The steps that are left.
        state: The database.
        done: How many steps this run has executed.
        overtaken: The versions of steps that another run has executed in the meantime.
    """

    plan: Plan
    state: State
    done: int = 0
    overtaken: tuple[str, ...] = ()


def first_plan(session: Session, order: Order, limits: Limits) -> Generator[Event, None, tuple[State, Plan]]:
    """Read the history and plan.

    If the plan is refused because a migration stopped in the middle, another run may still be executing it: then this
    waits for the lock, and reads everything again.
    """
    state = order.read(session)
    try:
        return state, order.plan(session, state)
    except HistoryError:
        is_begun = any(each.is_begun for each in state.executions)
        if not is_begun or not state.server.is_direct:
            raise
    yield from _wait(session, run_lock.lock_key(state.history.name), limits)
    state = order.read(session)
    return state, order.plan(session, state)


@dataclass(frozen=True)
class Run:
    """A run that is connected and has its first plan: lock it, look, then execute it or try it."""

    session: Session
    order: Order
    limits: Limits
    observation: Observation

    def lock(self, plan: Plan, state: State) -> Generator[Event, None, State]:
        """Take the lock of the run and read the history under it: one turn if no other run holds the lock.

        A pooler that shares sessions may grant the lock to two runs, and may keep it afterwards. There the rows of the
        history alone keep a second run out. That is enough for steps in a transaction; a step without one needs the
        lock, and so a pooler that keeps our session. A dry run does not try that one.
        """
        is_pooled = not state.server.is_direct
        if is_pooled and self.order.is_dry_run:
            pooler.require_transactions(self.session)
        if is_pooled and (self.order.is_dry_run or not needs_session(self.session, state.server, plan)):
            return replace(state, is_pooled=True)
        key = run_lock.lock_key(state.history.name)
        keeping = (
            own_settings.after_reset(state.server.major, state.server.schema, is_shared=False) if is_pooled else ()
        )
        try:
            (got,), *rest = self.session.ask(run_lock.try_lock(key), *self._under_lock(state), *keeping)
        except pg.UndefinedColumn:  # in the meantime another run has brought an older table up to date
            self.session.abort()
            got, rest = [None], []
        if got == ["true"] and (known := self._known_under_lock(state, rest)):
            return replace(known, holds_lock=True)
        if got != ["true"]:
            yield from _wait(self.session, key, self.limits)
        return replace(self.order.read(self.session), holds_lock=True)

    def _under_lock(self, state: State) -> tuple[Request, ...]:
        """Give what is read under the lock, in the turn that asks for it; `_known_under_lock` reads the answers."""
        if not state.history.exists:
            return (table.exists(state.history),)
        reading = read.read_again(state.history, with_log=state.is_log_read)
        if self.order.drift.is_off:
            return reading
        from sqlmigrate.catalog import presence  # noqa: PLC0415 - only where the schema is looked at

        return (*reading, presence.question(self.session.conn.info.server_version))

    def _known_under_lock(self, state: State, answers: Sequence[list[list[str | None]]]) -> State | None:
        """Give the state under the lock; None if everything has to be read again, because the history is new."""
        if not state.history.exists:
            if answers[0] != [["false"]]:
                return None
            # In a schema of its own, a run does not know what the other schemas have; a new database has nothing.
            return replace(state, present=None if state.history.is_one_of_many else frozenset())
        state = replace(state, executions=read.rows_of(answers[1]))
        if self.order.drift.is_off:
            return state
        from sqlmigrate.catalog import presence  # noqa: PLC0415 - as above

        return replace(state, present=presence.answered(self.session.conn.info.server_version, answers[3]))

    def lock_released_at_the_end(self, state: State) -> AbstractContextManager[None]:
        """Give the lock back at the end of the block, if we have it and our session does not end with us."""
        if not state.holds_lock or state.server.is_direct:
            return nullcontext()
        return run_lock.released(self.session, state.history.name)

    def look(self, state: State) -> Generator[Event, None, Expected | None]:
        """Look whether the schema was changed by hand since the last run, and say so; raises if that is refused.

        Gives what was expected instead; None if it was not changed, or that is not known.
        """
        if self.order.drift.is_off or not state.history.exists:
            return None
        from .look import look  # noqa: PLC0415 - as the executor itself

        notes, expected = look(self.session, state, self.order.drift, may_refuse=self.order.direction == "up")
        if notes:
            yield Noted(notes)
        return expected

    def execute(self, plan: Plan, state: State, expected: Expected | None) -> Iterator[Event]:
        """Execute the steps one after the other, up to the first that fails; then take a snapshot of the schema."""
        if expected:
            from .snapshot import keep_began  # noqa: PLC0415 - loaded already where something else was expected

            keep_began(self.session, state, expected)
        rest: _Rest | Literal["done", "failed"] = _Rest(plan, state)
        while isinstance(rest, _Rest):
            state = rest.state
            try:
                rest = yield from self._execute(rest)
            except Postponed:
                self._take_snapshot(state, plan.steps, expected)
                raise
        if rest == "failed" and self._has_left_nothing(state):
            return
        notes = self._take_snapshot(state, plan.steps, expected)
        if notes and rest != "failed":  # a failure is the last event
            yield Noted(tuple(map(_as_note, notes)))

    def dry_run(self, plan: Plan, state: State) -> Iterator[Event]:
        """Execute the steps in one transaction, and roll it back."""
        from .rehearsal import rehearse  # noqa: PLC0415 - as the executor itself

        return rehearse(self.session, self._executor(state), plan, state, self.limits)

    def _take_snapshot(
        self, state: State, steps: Sequence[Step], expected: Expected | None
    ) -> tuple[SqlmigrateError, ...]:
        """Take a snapshot of the schema, and return notes if that was not possible."""
        if self.order.drift.is_off:
            return ()
        from sqlmigrate.catalog import presence  # noqa: PLC0415 - as the executor itself

        from .snapshot import take  # noqa: PLC0415 - as the executor itself

        present = state.present
        if present is not None:
            statements = (each.text for step in steps for each in step.script.statements)
            present |= presence.announced(self.session.conn.info.server_version, statements)
        return take(self.session, replace(state, history=table.ready(state.history), present=present), expected)

    def _has_left_nothing(self, state: State) -> bool:
        """Tell whether a run into a database that had nothing of the files has failed, and left nothing of them.

        A snapshot of what is there would say that it is expected: tables that were made by hand.
        """
        if any(each.leaves_something for each in state.executions):
            return False
        try:
            found = read.executions(self.session, table.ready(state.history))
        except psycopg.Error:  # what takes the snapshot says what is wrong
            return False
        return not any(each.leaves_something for each in found)

    def _execute(self, rest: _Rest) -> Generator[Event, None, _Rest | Literal["done", "failed"]]:
        """Execute steps until the rest has to be planned again; gives that rest, or how the run has ended.

        It has to be if another run has executed a step meanwhile, or may have done so: a file can give the lock of
        the run back.
        """
        history = table.make_ready(self.session, rest.state.history, self.limits.lock_timeout)
        state, steps = replace(rest.state, history=history), rest.plan.steps
        self._respell(rest.plan, state)
        executor, done = self._executor(state), 0
        while done < len(steps):
            if (again := (yield from self._fold(rest, done, state))) is not None:
                return again
            outcome = yield from executor.execute_all(steps[done : rest.plan.next_fold(done)])
            if outcome == "failed":
                return "failed"
            done += executor.done
            if outcome == "overtaken" or (executor.lock != "held" and done < len(steps)):
                left = replace(rest, plan=replace(rest.plan, steps=steps[done:]), state=state, done=rest.done + done)
                overtaken = steps[done].version if outcome == "overtaken" else ""
                return (yield from self._plan_again(left, overtaken, executor.lock))
        return (yield from self._fold(rest, len(steps), state)) or "done"

    def _fold(self, rest: _Rest, done: int, state: State) -> Generator[Event, None, _Rest | None]:
        """Fold what is folded after so many steps; gives the rest if it has to be planned again, as in `_execute`."""
        if not (folds := rest.plan.folds_after(done)):
            return None
        from sqlmigrate.executor import folding  # noqa: PLC0415 - once in the life of a squashed migration

        for fold in folds:
            outcome = folding.fold(self.session, state, fold, self.limits.lock_timeout)
            if outcome != "done":
                plan = replace(rest.plan, steps=rest.plan.steps[done:])
                left = replace(rest, plan=plan, state=state, done=rest.done + done)
                if outcome == "locked out":
                    return (yield from self._plan_again(left, "", "taken"))
                return (yield from self._plan_again(left, fold.migration.version, "held"))
            yield Folded(fold)
        return None

    def _respell(self, plan: Plan, state: State) -> None:
        for step in plan.steps:
            if step.direction == "up" and step.execution and step.execution.version != step.version:
                self.session.ask(write.respell(state.history, step.execution.version, step.version))

    def _executor(self, state: State) -> Executor:
        from sqlmigrate.executor.executor import Executor  # noqa: PLC0415 - with all that splits; a run with nothing to do needs none

        return Executor(self.session, state, self.limits, self.observation)

    def _plan_again(self, rest: _Rest, overtaken: str, lock: run_lock.Lock) -> Generator[Event, None, _Rest]:
        """Plan again what is left; `overtaken` is the version that another run has dealt with, if one has."""
        if overtaken:
            rest = replace(rest, overtaken=(*rest.overtaken, overtaken))
        if rest.overtaken.count(overtaken) > _MOST_REPLANS:
            raise _swallowed(overtaken, rest)
        if lock == "taken":
            yield from _wait(self.session, run_lock.lock_key(rest.state.history.name), self.limits)
        before = rest.state
        state = replace(self.order.read(self.session), is_pooled=before.is_pooled, holds_lock=before.holds_lock)
        state = replace(state, present=before.present)
        plan = self.order.without(rest.done).plan(self.session, state)
        if plan.steps != rest.plan.steps or plan.folds:
            yield Planned(plan, state)
        return replace(rest, plan=plan, state=state)


def _wait(session: Session, key: int, limits: Limits) -> Iterator[Event]:
    """Wait for the lock of the run, and tell who has it, then when it is asked for again."""
    for held in run_lock.wait(session, key, limits.lock_wait, limits.waited):
        if held.is_first:
            yield Waiting(held.holder, limits.lock_wait)
        yield Pausing(after(held.pause))


def _as_note(problem: SqlmigrateError) -> SqlmigrateError:
    """Return the note of a snapshot that could not be taken: it is one line, which has no room for SQL."""
    if not problem.next_steps:
        return problem
    return problem.with_(hint='the SQL for it: sqlmigrate drift --accept; or the setting drift = "off"')


def _swallowed(version: str, rest: _Rest) -> HistoryError:
    plan, history = rest.plan, rest.state.history
    steps = {step.version: step.label for step in plan.steps}
    folds = {fold.migration.version: fold.migration.label for fold in plan.folds}
    label = folds.get(version) or steps.get(version, version)
    return HistoryError(
        f"the history row of {label} cannot be written: something removes it again",
        state=f"nothing of {label} was executed",
        hint=f"look for a trigger, a rule or a policy on {history.name}: psql: \\d {history.quoted}",
    )
