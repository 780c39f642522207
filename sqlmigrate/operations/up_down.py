"""`up` and `down`: read the history, plan, take the lock, read again, execute.

Both are generators: they yield what happens and print nothing. Closing one cancels what is being executed and rolls it
back. How one step is executed is the business of `executor`.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from threading import Semaphore

from sqlmigrate.database import standby
from sqlmigrate.database.activity import Observer
from sqlmigrate.database.session import connect
from sqlmigrate.executor.events import Event, Observation
from sqlmigrate.files.migration import Migration
from sqlmigrate.history.state import State
from sqlmigrate.history.table import DEFAULT_TABLE
from sqlmigrate.plan.plan import (
    DEFAULT_DRIFT,
    DEFAULT_LIMITS,
    DEFAULT_SELECTION,
    NO_DRIFT,
    Direction,
    DriftPolicy,
    Limits,
    Planned,
    Selection,
)

from .executable import require_executable
from .order import Order
from .run import Run, first_plan


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
    order = Order("up", migrations, selection, table, dry_run, drift)
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
    order = Order("down", migrations, selection, table, dry_run, drift)
    return _run(_Place(url, schema, run), order, limits, Observation(tick, None, step_by_step), observers=observers)


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
    place: _Place, order: Order, limits: Limits, observation: Observation, *, observers: Semaphore | None
) -> Generator[Event, None, None]:
    with connect(place.url, place.schema, leaves=observers is not None, run=place.run) as session:
        state, plan = yield from first_plan(session, order, limits)
        has_work = bool(plan.steps or plan.folds)
        if not has_work:
            standby.require_primary(session, state.server)
        yield Planned(plan, state)
        if not has_work:
            return
        require_executable(session, order, state, plan)
        with closing(_observer(place, state, observers)) as observer:
            run = Run(session, order, limits, replace(observation, observer=observer))
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
    order = Order(direction, migrations, selection, table, is_dry_run=False, drift=NO_DRIFT)
    with connect(url, schema, leaves=leaves) as session:
        state = order.read(session)
        plan = order.plan(session, state)
        if plan.steps or plan.folds:
            require_executable(session, order, state, plan)
        else:
            standby.require_primary(session, state.server)
        return Planned(plan, state)
