"""`up` and `down`: read the history, plan, take the lock, read again, execute.

Both are generators: they yield what happens and print nothing. Closing one cancels what is being executed and rolls it
back. How one step is executed is the business of `executor`.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from contextlib import AbstractContextManager, closing, nullcontext
from dataclasses import dataclass, replace
from threading import Semaphore
from typing import TYPE_CHECKING, Literal

from psycopg import errors as pg

from sqlmigrate.database import own_settings, pooler, run_lock, standby, synchronous
from sqlmigrate.database.activity import Observer
from sqlmigrate.database.pooler_messages import CONNECT_DIRECTLY, cure_of
from sqlmigrate.database.server import Server, require_standard_strings, require_writable
from sqlmigrate.database.session import Request, Session, connect
from sqlmigrate.errors import NOTHING_EXECUTED_BY_THIS_RUN, HistoryError, ServerError, SqlmigrateError, gather
from sqlmigrate.executor.events import (
    Began,
    Event,
    Failed,
    Folded,
    Noted,
    NotTried,
    Observation,
    Pausing,
    Postponed,
    Waiting,
)
from sqlmigrate.files.migration import Migration, archive_of
from sqlmigrate.files.squashed import faults_of_squashed
from sqlmigrate.history import read, rights, surroundings, table, write
from sqlmigrate.history.state import State
from sqlmigrate.history.table import DEFAULT_TABLE
from sqlmigrate.plan.down import down_rows, down_steps, means_all
from sqlmigrate.plan.encoding import encoding_errors
from sqlmigrate.plan.first_run import executed_since, first_run_errors
from sqlmigrate.plan.half_done import begun_statements, half_done_rows, half_undone_error, resume_errors
from sqlmigrate.plan.notes import missing_notes, notes_on
from sqlmigrate.plan.plan import (
    DEFAULT_DRIFT,
    DEFAULT_LIMITS,
    DEFAULT_SELECTION,
    NO_DRIFT,
    Direction,
    DriftPolicy,
    Limits,
    Plan,
    Planned,
    Selection,
    Step,
)
from sqlmigrate.plan.rows import Row, changed_rows, make_rows
from sqlmigrate.plan.squashed import View, find_named, planned_folds, view_of
from sqlmigrate.plan.up import up_steps
from sqlmigrate.times import after

from .status import changed_files

if TYPE_CHECKING:
    from sqlmigrate.executor.executor import Executor
    from sqlmigrate.parsing.statement import Statement

    from .snapshot import Expected


_MOST_REPLANS = 3  # for one step; if it is overtaken more often, its row cannot be written at all


def up(  # noqa: PLR0913 - the library's keyword arguments, each with a default
    url: str,
    migrations: Sequence[Migration],
    *,
    to: str | None = None,
    steps: int | None = None,
    out_of_order: bool = False,
    into_existing: bool = False,
    table: str = DEFAULT_TABLE,
    dry_run: bool = False,
    limits: Limits = DEFAULT_LIMITS,
    drift: DriftPolicy = DEFAULT_DRIFT,
    step_by_step: bool = False,
    tick: float = 1.0,
    schema: str | None = None,
    observers: Semaphore | None = None,
    run: str | None = None,
) -> Generator[Event, None, None]:
    """Execute the pending migrations of one database, and yield an event for everything that happens.

    The generator ends after a `Failed`. Closing it, or Ctrl-C, cancels the step that is being executed and rolls it
    back. While it waits for others it yields a `Pausing` every quarter of a second: throw `Postponed` into it there,
    and the run ends without a failure, to be continued later. Steps are sent ahead of the events that tell of them:
    those right behind the last `Finished` may be executed as well. `step_by_step` executes none before its events are
    read.

    Args:
        url: The database, as libpq reads it; if it is empty, libpq's variables name the database.
        migrations: The folder, as `load` gives it.
        to: The last migration to execute: ``3``, ``003`` or its whole name.
        steps: The largest number of migrations to execute.
        out_of_order: Also execute pending migrations that are older than the newest executed one.
        into_existing: Execute the first migrations although the database has tables or the history of another tool.
        table: The history table, with or without its schema: ``ops.migrations``.
        dry_run: Execute everything in one transaction and roll it back.
        limits: How long to wait for other runs and for locks.
        drift: What to do if the schema was changed by hand.
        step_by_step: Send each statement by itself, and yield an event while its transaction is open.
        tick: How often to look at a statement that is being executed, in seconds.
        schema: The only schema on the `search_path` of the files; the history lies in it, unless `table` names another.
        observers: How many runs may look at their statements over a second connection at once; None: all. With it,
            the run ends when the server counts its connection no more.
        run: What the history's log calls this run; a fleet gives all of its runs one name. None: a new name.

    Raises:
        SqlmigrateError: The run cannot begin, or its connection was lost after a migration was executed.
    """
    selection = Selection(to, steps, out_of_order=out_of_order, into_existing=into_existing)
    order = _Order("up", migrations, selection, table, dry_run, drift)
    return _run(_Place(url, schema, run), order, limits, Observation(tick, None, step_by_step), observers=observers)


def down(  # noqa: PLR0913 - the library's keyword arguments, each with a default
    url: str,
    migrations: Sequence[Migration],
    *,
    to: str | None = None,
    steps: int | None = None,
    all: bool = False,  # noqa: A002 - the word of the command line
    table: str = DEFAULT_TABLE,
    dry_run: bool = False,
    limits: Limits = DEFAULT_LIMITS,
    drift: DriftPolicy = DEFAULT_DRIFT,
    step_by_step: bool = False,
    tick: float = 1.0,
    schema: str | None = None,
    observers: Semaphore | None = None,
    run: str | None = None,
) -> Generator[Event, None, None]:
    """Undo the last executed migration of one database, or more of them; events, errors and the rest are as in `up`.

    Args:
        url: The database, as libpq reads it; if it is empty, libpq's variables name the database.
        migrations: The folder, as `load` gives it.
        to: The migration to go back to; it stays executed. ``0`` undoes every migration.
        steps: The largest number of migrations to undo; 1 if neither `to` nor `all` is given.
        all: Undo every migration; a baseline stays.
        table: The history table, with or without its schema: ``ops.migrations``.
        dry_run: Execute everything in one transaction and roll it back.
        limits: How long to wait for other runs and for locks.
        drift: What to do if the schema was changed by hand.
        step_by_step: Send each statement by itself, and yield an event while its transaction is open.
        tick: How often to look at a statement that is being executed, in seconds.
        schema: The only schema on the `search_path` of the files; the history lies in it, unless `table` names another.
        observers: How many runs may look at their statements over a second connection at once; None: all. With it,
            the run ends when the server counts its connection no more.
        run: What the history's log calls this run; a fleet gives all of its runs one name. None: a new name.

    Raises:
        SqlmigrateError: The run cannot begin, or its connection was lost after a migration was executed.
    """
    selection = Selection(to, steps, all)
    order = _Order("down", migrations, selection, table, dry_run, drift)
    return _run(_Place(url, schema, run), order, limits, Observation(tick, None, step_by_step), observers=observers)


@dataclass(frozen=True)
class _Order:
    """What a run is asked to do."""

    direction: Direction
    migrations: Sequence[Migration]
    selection: Selection
    table: str
    is_dry_run: bool
    drift: DriftPolicy

    def read(self, session: Session) -> State:
        return read.read(session, self.table, with_log=self.direction == "down")

    def without(self, done: int) -> _Order:
        """Give what is left of the order after so many steps of it are executed."""
        steps = self.selection.steps
        return self if steps is None else replace(self, selection=replace(self.selection, steps=steps - done))

    def plan(self, session: Session, state: State) -> Plan:
        plan = self._plan(session, state)
        if errors := encoding_errors(plan.steps, session.database_encoding):
            raise gather(errors)
        return plan

    def _plan(self, session: Session, state: State) -> Plan:
        is_up = self.direction == "up"
        view = view_of(self.migrations, state.executions, archive_of(self.migrations), folds=is_up)
        rows = make_rows(view.migrations, view.executions)
        selection = self._selection(view, rows)
        if is_up:
            steps = up_steps(rows, selection, self._begun(session, state, rows, view))
            notes = (*notes_on(self.migrations, rows, steps), *(() if steps else missing_notes(rows)))
            folds = planned_folds(view, rows, [step.migration.number for step in steps])
            return Plan("up", rows, steps, self.is_dry_run, notes, folds, view.opened)
        chosen = down_rows(rows, selection)
        versions = [row.execution.version for row in chosen if row.execution]
        steps = down_steps(chosen, read.texts(session, state.history, versions))
        return Plan("down", rows, steps, self.is_dry_run, notes_on(self.migrations, rows))

    def _selection(self, view: View, rows: Sequence[Row]) -> Selection:
        """Give the selection with the name of a row; raises `ConfigError` for a migration that was replaced."""
        to = self.selection.to
        if to is None or (self.direction == "down" and means_all(to, (row.number for row in rows))):
            return self.selection
        return replace(self.selection, to=find_named(self.migrations, view.opened, rows, to).label)

    def _begun(
        self, session: Session, state: State, rows: Sequence[Row], view: View
    ) -> dict[str, tuple[Statement, ...]]:
        """Refuse what the history forbids, and give the recorded statements of what an earlier run has begun."""
        if error := half_undone_error(rows):
            raise error
        if faults := faults_of_squashed(self.migrations):
            raise gather(faults).with_(state=NOTHING_EXECUTED_BY_THIS_RUN)
        if view.errors:
            raise gather(view.errors)
        if changed_rows(rows):
            raise changed_files(session, state.history, rows, NOTHING_EXECUTED_BY_THIS_RUN)
        begun = [row.execution.version for row in half_done_rows(rows) if row.execution]
        if not begun:
            return {}
        recorded = read.texts(session, state.history, begun)
        if errors := resume_errors(rows, recorded):
            raise gather(errors)
        return begun_statements(rows, recorded)


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


@dataclass(frozen=True)
class _Place:
    """Where a run takes place.

    Attributes:
        url: The database.
        schema: The schema that files are executed in; None for that of the connection's own `search_path`.
        run: What the log calls the run; None for a new name.
    """

    url: str
    schema: str | None
    run: str | None


def _run(
    place: _Place, order: _Order, limits: Limits, observation: Observation, *, observers: Semaphore | None
) -> Generator[Event, None, None]:
    with connect(place.url, place.schema, leaves=observers is not None, run=place.run) as session:
        state, plan = yield from _first_plan(session, order, limits)
        has_work = bool(plan.steps or plan.folds)
        if not has_work:
            standby.require_primary(session, state.server)
        yield Planned(plan, state)
        if not has_work:
            return
        _require_executable(session, order, state, plan)
        with closing(_observer(place, state, observers)) as observer:
            run = _Run(session, order, limits, replace(observation, observer=observer))
            read_again = yield from run.lock(plan, state)
            with run.lock_released_at_the_end(read_again):
                if read_again.executions != state.executions:
                    plan = order.plan(session, read_again)
                    yield Planned(plan, read_again)
                expected = yield from run.look(read_again)
                running = run.dry_run(plan, read_again) if order.is_dry_run else run.execute(plan, read_again, expected)
                yield from running


def _observer(place: _Place, state: State, gate: Semaphore | None) -> Observer:
    return Observer(place.url, state.server.instance, gate, is_on_citus=state.server.citus is not None)


def look(  # noqa: PLR0913 - as `up`
    url: str,
    migrations: Sequence[Migration],
    *,
    direction: Direction = "up",
    selection: Selection = DEFAULT_SELECTION,
    table: str = DEFAULT_TABLE,
    schema: str | None = None,
    leaves: bool = False,
) -> Planned:
    """Return the plan that `up` or `down` would begin with, and execute nothing; raises what stops it at once.

    Args:
        url: The database.
        migrations: The folder, as `load` gives it.
        direction: ``up`` or ``down``.
        selection: The migrations that are asked for.
        table: The history table.
        schema: As in `up`.
        leaves: Whether to wait at the end until the server counts the connection no more.
    """
    order = _Order(direction, migrations, selection, table, is_dry_run=False, drift=NO_DRIFT)
    with connect(url, schema, leaves=leaves) as session:
        state = order.read(session)
        plan = order.plan(session, state)
        if plan.steps or plan.folds:
            _require_executable(session, order, state, plan)
        else:
            standby.require_primary(session, state.server)
        return Planned(plan, state)


def _require_executable(session: Session, order: _Order, state: State, plan: Plan) -> None:
    """Raise what keeps a plan from being executed on this database."""
    is_first = order.direction == "up" and not state.executions and state.history.exists == state.history.has_log
    if is_first and not order.selection.into_existing:
        _require_new(session, order, state, plan)
    if order.direction == "up" and any(each.is_adopted for each in state.executions):
        _require_not_executed_since(session, state, plan)
    require_writable(state.server)
    require_standard_strings(session)
    if not order.is_dry_run:
        synchronous.require(state.server.synchronous)
    rights.require_writable(state)
    if state.history.is_distributed and not state.server.is_direct:
        raise _not_through_pooler(state)


def _not_through_pooler(state: State) -> ServerError:
    name = state.history.name
    return ServerError(
        f"Citus {'distributes' if state.history.exists else 'would distribute'} the history {name}, and this "
        "connection goes through a pooler",
        detail=["after a lost connection it would not be known whether a migration is still being executed"],
        state=NOTHING_EXECUTED_BY_THIS_RUN,
        hint=f"{CONNECT_DIRECTLY}; or keep the history in a schema that is not distributed",
    )


def _as_note(problem: SqlmigrateError) -> SqlmigrateError:
    """Return the note of a snapshot that could not be taken: it is one line, which has no room for SQL."""
    if not problem.next_steps:
        return problem
    return problem.with_(hint='the SQL for it: sqlmigrate drift --accept; or the setting drift = "off"')


def _first_plan(session: Session, order: _Order, limits: Limits) -> Generator[Event, None, tuple[State, Plan]]:
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


def _wait(session: Session, key: int, limits: Limits) -> Iterator[Event]:
    """Wait for the lock of the run, and tell who has it, then when it is asked for again."""
    for held in run_lock.wait(session, key, limits.lock_wait, limits.waited):
        if held.is_first:
            yield Waiting(held.holder, limits.lock_wait)
        yield Pausing(after(held.pause))


def _require_new(session: Session, order: _Order, state: State, plan: Plan) -> None:
    """Raise `HistoryError` if a database without executions has been looked after already: by another tool, by hand.

    What is there may also come from a run that has begun in the meantime: then its rows are there as well.
    """
    from sqlmigrate.plan.created import created_schemas  # noqa: PLC0415 - only for the first run

    schemas = created_schemas(step.script for step in plan.steps)
    errors = first_run_errors(surroundings.look(session, state.history, schemas), plan.rows)
    if errors and not order.read(session).executions:
        raise gather(errors)


def _require_not_executed_since(session: Session, state: State, plan: Plan) -> None:
    """Raise `HistoryError` if the tool whose history was adopted has gone on, and has executed a step of the plan."""
    histories = surroundings.look(session, state.history).histories
    steps = {step.migration.number for step in plan.steps}
    if not executed_since(histories, plan.rows, steps, ()):
        return
    from sqlmigrate.history import log  # noqa: PLC0415 - only where a tool has gone on

    if errors := executed_since(histories, plan.rows, steps, log.undone(log.entries(session, state.history))):
        raise gather(errors)


@dataclass(frozen=True)
class _Run:
    session: Session
    order: _Order
    limits: Limits
    observation: Observation

    def lock(self, plan: Plan, state: State) -> Generator[Event, None, State]:
        """Take the lock of the run and read the history under it: one turn if no other run holds the lock.

        A pooler that shares sessions may grant the lock to two runs, and may keep it afterwards. There the rows of the
        history alone keep a second run out. That is enough for steps in a transaction; a step without one needs the
        lock, and so a pooler that keeps our session.
        """
        is_pooled = not state.server.is_direct
        if is_pooled and self.order.is_dry_run:
            pooler.require_transactions(self.session)
        if is_pooled and not _needs_session(self.session, state.server, plan):
            return replace(state, is_pooled=True)
        key = run_lock.lock_key(state.history.name)
        keeping = (
            own_settings.after_reset(state.server.major, state.server.schema, is_shared=False) if is_pooled else ()
        )
        reading = read.read_again(state.history, with_log=state.is_log_read) if state.history.exists else ()
        try:
            (got,), *rest = self.session.ask(run_lock.try_lock(key), *reading, *keeping)
        except pg.UndefinedColumn:  # in the meantime another run has brought an older table up to date
            self.session.abort()
            got, rest = [None], []
        if got == ["true"] and state.history.exists:
            return replace(state, executions=read.rows_of(rest[1]), holds_lock=True)
        if got != ["true"]:
            yield from _wait(self.session, key, self.limits)
        return replace(self.order.read(self.session), holds_lock=True)

    def lock_released_at_the_end(self, state: State) -> AbstractContextManager[None]:
        """Give the lock back at the end of the block, if we have it and our session does not end with us."""
        if not state.holds_lock or state.server.is_direct:
            return nullcontext()
        return run_lock.released(self.session, state.history.name)

    def execute(self, plan: Plan, state: State, expected: Expected | None) -> Iterator[Event]:
        """Execute the steps one after the other, up to the first that fails; then take a snapshot of the schema."""
        rest: _Rest | Literal["done", "failed"] = _Rest(plan, state)
        while isinstance(rest, _Rest):
            state = rest.state
            try:
                rest = yield from self._execute(rest)
            except Postponed:
                self._take_snapshot(state, expected)
                raise
        notes = self._take_snapshot(state, expected)
        if notes and rest != "failed":  # a failure is the last event
            yield Noted(tuple(map(_as_note, notes)))

    def _take_snapshot(self, state: State, expected: Expected | None) -> tuple[SqlmigrateError, ...]:
        """Take a snapshot of the schema, and return notes if that was not possible."""
        if self.order.drift.is_off:
            return ()
        from .snapshot import take  # noqa: PLC0415 - as the executor itself

        return take(self.session, replace(state, history=table.ready(state.history)), expected)

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
        plan = self.order.without(rest.done).plan(self.session, state)
        if plan.steps != rest.plan.steps or plan.folds:
            yield Planned(plan, state)
        return replace(rest, plan=plan, state=state)

    def dry_run(self, plan: Plan, state: State) -> Iterator[Event]:
        """Execute the steps in one transaction, up to the first that fails or cannot be tried, and roll it back.

        A failure that `up` does not have, because it commits each file, is not one of the dry run either.
        """
        executor = self._executor(state)
        self.session.ask(Request("begin"), *(() if state.history.exists else table.prepare(state.history)))
        try:
            yield from self._rehearse(executor, plan, state)
        finally:
            executor.stop()

    def _rehearse(self, executor: Executor, plan: Plan, state: State) -> Iterator[Event]:
        from sqlmigrate.executor.shared_transaction import why_not_tried  # noqa: PLC0415 - as the executor itself

        steps = plan.steps
        for index, step in enumerate(steps):
            yield from self._rehearse_folds(plan, index, state)
            if step.script.mode == "statements":
                yield from _not_tried(steps[index:], "it runs without a transaction, so it cannot be rolled back")
                return
            if step.mark:
                yield from _not_tried(steps[index:], "what an earlier run has left behind has to be removed first")
                return
            yield Began(step)
            for event in executor.rehearse(step):
                why = why_not_tried(event, is_first=index == 0) if isinstance(event, Failed) else None
                if why:
                    yield from _not_tried(steps[index:], why)
                    return
                yield event
                if isinstance(event, Failed):
                    return
        yield from self._rehearse_folds(plan, len(steps), state)

    def _rehearse_folds(self, plan: Plan, done: int, state: State) -> Iterator[Event]:
        if not (folds := plan.folds_after(done)):
            return
        from sqlmigrate.executor import folding  # noqa: PLC0415 - as above

        for fold in folds:
            folding.fold(self.session, state, fold, self.limits.lock_timeout, dry_run=True)
            yield Folded(fold)


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


def _not_tried(steps: Sequence[Step], why: str) -> Iterator[NotTried]:
    first = steps[0]
    yield NotTried(first, why)
    for step in steps[1:]:
        yield NotTried(step, f"it comes after {first.label}")


def _needs_session(session: Session, server: Server, plan: Plan) -> bool:
    """Tell whether a step runs without a transaction, or comes from the archive, and so needs its own session.

    A row that was folded does not keep a second run out: it would be written again. There only the lock does.

    Raises `ServerError` if it does and the pooler shares sessions, or may do so.
    """
    alone = [step.label for step in plan.steps if step.script.mode == "statements"]
    archived = [step.label for step in plan.steps if any(each.covers(step.migration.number) for each in plan.opened)]
    if not (alone or archived):
        return False
    pooler.require_transactions(session)
    sharing = pooler.sharing(session, server)
    if sharing.is_shared:
        through = "a pooler that shares sessions (PgBouncer in transaction mode)"
        which = f"{alone[0]} runs without a transaction" if alone else f"{archived[0]} comes from the archive"
        raise ServerError(
            f"{which} and needs its own session; "
            f"this connection goes through {'a pooler that may share sessions' if sharing.unknown else through}",
            detail=[f"whether it shares them is not known: {sharing.unknown}"] if sharing.unknown else [],
            state=NOTHING_EXECUTED_BY_THIS_RUN,
            hint=cure_of(sharing.unknown) or CONNECT_DIRECTLY,
        )
    return True
