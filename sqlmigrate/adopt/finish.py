"""Ends the time of two tools: the other tool's history refuses every write, or takes them again."""

from __future__ import annotations

from sqlmigrate.database.session import COMMIT, Request, Session
from sqlmigrate.errors import NOTHING_CHANGED, HistoryError
from sqlmigrate.history.state import State
from sqlmigrate.identifiers import literal, quoted

from .foreign import ForeignHistory

_NAME = "sqlmigrate_refuses_writes"


def refuse_writes(history: ForeignHistory, state: State, lock_timeout: str) -> tuple[Request, ...]:
    """Give the requests that put the trigger on the other tool's history, in a transaction of their own."""
    said = (
        f"{history.shown} is the old history of {history.tool}: this database is looked after by sqlmigrate now, "
        f"with the history {state.history.name}"
    )
    function, table = quoted(history.place.schema, _NAME), quoted(history.place.schema, history.place.table)
    body = f"begin raise exception using message = {literal(said)}, hint = 'sqlmigrate status'; end"
    return (
        Request("begin", quiet=True),
        Request(f"set local lock_timeout to '{lock_timeout}'", quiet=True),
        Request(f"create or replace function {function}() returns trigger language plpgsql as {literal(body)}"),
        Request(f"drop trigger if exists {quoted(_NAME)} on {table}"),
        Request(
            f"create trigger {quoted(_NAME)} before insert or update or delete or truncate on {table} "
            f"for each statement execute function {function}()"
        ),
        Request(f"alter table {table} enable always trigger {quoted(_NAME)}"),
        COMMIT,
    )


def accept_writes(history: ForeignHistory) -> tuple[Request, ...]:
    """Give the requests that remove the trigger, if it is there, in the transaction that is open."""
    function, table = quoted(history.place.schema, _NAME), quoted(history.place.schema, history.place.table)
    return (
        Request(f"drop trigger if exists {quoted(_NAME)} on {table}"),
        Request(f"drop function if exists {function}()"),
    )


def require_recorded(unrecorded: int, tool: str) -> None:
    """Raise `HistoryError` if migrations that the other tool has executed are not in our history yet."""
    if unrecorded:
        raise HistoryError(
            f"{tool} has executed {unrecorded} migrations that are not in the history of sqlmigrate",
            state=NOTHING_CHANGED,
            next_steps=["sqlmigrate adopt --write"],
        )


def is_finished(session: Session, history: ForeignHistory) -> bool:
    """Tell whether the trigger is on the other tool's history."""
    query = Request(
        "select 1 from pg_catalog.pg_trigger where tgrelid = $1::pg_catalog.regclass and tgname = $2",
        (quoted(history.place.schema, history.place.table), _NAME),
    )
    return bool(session.ask(query)[0])
