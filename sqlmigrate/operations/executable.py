"""What keeps a plan from being executed on the database it was made for."""

from __future__ import annotations

from itertools import takewhile

from sqlmigrate.database import pooler, synchronous
from sqlmigrate.database.pooler_messages import CONNECT_DIRECTLY, cure_of
from sqlmigrate.database.server import Server, require_standard_strings, require_writable
from sqlmigrate.database.session import Session
from sqlmigrate.errors import NOTHING_EXECUTED_BY_THIS_RUN, ServerError, gather
from sqlmigrate.history import rights, surroundings
from sqlmigrate.history.elsewhere import refuse_in_other_schema
from sqlmigrate.history.state import State
from sqlmigrate.history.table import table_parts
from sqlmigrate.plan.first_run import executed_since, first_run_errors
from sqlmigrate.plan.plan import Plan

from .order import Order


def require_executable(session: Session, order: Order, state: State, plan: Plan) -> None:
    """Raise what keeps a plan from being executed on this database."""
    has_both = state.history.exists == state.history.has_log
    is_first = order.direction == "up" and not state.has_something and has_both
    if is_first and not order.selection.into_existing:
        _require_new(session, order, state, plan)
    if order.direction == "up" and any(each.is_adopted for each in state.executions):
        _require_not_executed_since(session, state, plan)
    if state.executions and session.schema is None and table_parts(order.table)[0] is not None:
        refuse_in_other_schema(session, state.history)
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


def _require_new(session: Session, order: Order, state: State, plan: Plan) -> None:
    """Raise `HistoryError` if a database without executions has been looked after already: by another tool, by hand.

    What is there may also come from a run that has begun in the meantime: then its rows are there as well.
    """
    if not state.has_tables:
        return
    from sqlmigrate.plan.created import created_schemas  # noqa: PLC0415 - only for the first run

    schemas = created_schemas(step.script for step in plan.steps)
    errors = first_run_errors(surroundings.look(session, state.history, schemas), plan.rows)
    if errors and not order.read(session).has_something:
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


def needs_session(session: Session, server: Server, plan: Plan) -> bool:
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
            next_steps=_before(plan, alone[0] if alone else archived[0]),
        )
    return True


def _before(plan: Plan, label: str) -> list[str]:
    """Return the command that executes what comes before a step, which works through the pooler."""
    before = list(takewhile(lambda step: step.label != label, plan.steps))
    is_up = bool(before) and before[-1].direction == "up" and not plan.opened
    return [f"or, for those before it: sqlmigrate up --to {before[-1].version}"] if is_up else []
