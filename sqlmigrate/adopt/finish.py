"""Ends the time of two tools: the other tool's history refuses every write, or takes them again."""

from __future__ import annotations

from psycopg import errors as pg

from sqlmigrate.database.session import COMMIT, Request, Session
from sqlmigrate.errors import NOTHING_CHANGED, HistoryError, ServerError
from sqlmigrate.history.state import State
from sqlmigrate.identifiers import literal, quoted
from sqlmigrate.spelling import plural

from .foreign import ForeignHistory
from .tools.tool import Guard

_NAME = "sqlmigrate_refuses_writes"


def refuse_writes(history: ForeignHistory, guard: Guard, state: State, lock_timeout: str) -> tuple[Request, ...]:
    """Give the requests that put the trigger on the other tool's history, in a transaction of their own.

    `guard` says what else stops the tool: its trigger alone may come after a statement has been executed.
    """
    said = (
        f"{history.shown} is the old history of {history.tool}: this database is looked after by sqlmigrate now, "
        f"with the history {state.history.name}"
    )
    function = quoted(history.place.schema, _NAME)
    refusal = f"raise exception using message = {literal(said)}, hint = 'sqlmigrate status'"
    return (
        Request("begin", quiet=True),
        Request(f"set local lock_timeout to '{lock_timeout}'", quiet=True),
        *_without_trigger(history, guard),
        *([Request(guard.mark)] if guard.mark else []),
        Request(
            f"create or replace function {function}() returns trigger language plpgsql as "
            f"{literal(_body(refusal, guard, history.place.project))}"
        ),
        *(each for table in (history.place.table, *guard.tables) for each in _trigger(history, guard, table)),
        COMMIT,
    )


def set_guard(session: Session, history: ForeignHistory, guard: Guard, state: State, lock_timeout: str) -> None:
    """Let the other tool's history refuse every write; raises `ServerError` if this role may not do so."""
    try:
        session.ask(*refuse_writes(history, guard, state, lock_timeout))
    except pg.InsufficientPrivilege:
        session.abort()
        raise ServerError(
            f"the role {state.server.user} may not put a trigger on {history.shown}: that needs its owner",
            state=NOTHING_CHANGED,
            hint="execute it as the owner of the table",
            next_steps=["sqlmigrate adopt --finish"],
        ) from None
    except pg.InternalError_ as error:  # https://docs.citusdata.com: no triggers on distributed tables
        if not state.history.is_on_citus:
            raise
        session.abort()
        raise ServerError(
            f"Citus lets no trigger refuse the writes to {history.shown}: {error.diag.message_primary}",
            state=NOTHING_CHANGED,
            hint=f"take the right to write it from the role that executes {history.tool}, and end its jobs",
            next_steps=[f"psql: revoke insert, update, delete, truncate on {history.shown} from …;"],
        ) from None


def _body(refusal: str, guard: Guard, project: str) -> str:
    """Give the body of the trigger's function; rows of other projects pass."""
    if not guard.project_column:
        return f"begin {refusal}; end"
    column, name = quoted(guard.project_column), literal(project)
    is_ours = f"(tg_op <> 'INSERT' and old.{column} = {name}) or (tg_op <> 'DELETE' and new.{column} = {name})"
    passed = "if tg_op = 'DELETE' then return old; end if; return new;"
    return f"begin if tg_op = 'TRUNCATE' then {refusal}; elsif {is_ours} then {refusal}; end if; {passed} end"


def _trigger(history: ForeignHistory, guard: Guard, table: str) -> tuple[Request, ...]:
    function, target = quoted(history.place.schema, _NAME), quoted(history.place.schema, table)
    if not guard.project_column:
        return _created(_NAME, "insert or update or delete or truncate", target, "statement", function)
    return (
        *_created(_NAME, "insert or update or delete", target, "row", function),
        *_created(f"{_NAME}_at_once", "truncate", target, "statement", function),
    )


def _created(name: str, events: str, target: str, level: str, function: str) -> tuple[Request, ...]:
    return (
        Request(
            f"create trigger {quoted(name)} before {events} on {target} for each {level} execute function {function}()"
        ),
        Request(f"alter table {target} enable always trigger {quoted(name)}"),
    )


def accept_writes(history: ForeignHistory, guard: Guard) -> tuple[Request, ...]:
    """Give the requests that remove the trigger, if it is there, in the transaction that is open."""
    unmark = [Request(guard.unmark)] if guard.unmark else []
    function = quoted(history.place.schema, _NAME)
    return (*_without_trigger(history, guard), *unmark, Request(f"drop function if exists {function}()"))


def way_back(history: ForeignHistory, guard: Guard) -> str:
    """Give the SQL that lets the history take writes again, for a person to execute."""
    function = quoted(history.place.schema, _NAME)
    return "; ".join(filter(None, (f"drop function {function}() cascade", guard.unmark)))


def _without_trigger(history: ForeignHistory, guard: Guard) -> tuple[Request, ...]:
    """Give the requests that drop the triggers that are there; Citus refuses even ``drop trigger if exists``."""
    return tuple(
        _dropped(name, quoted(history.place.schema, table))
        for table in (history.place.table, *guard.tables)
        for name in (_NAME, f"{_NAME}_at_once")
    )


def _dropped(name: str, target: str) -> Request:
    return Request(f"""\
do $drop$ begin
  if exists (select from pg_catalog.pg_trigger
              where tgrelid = pg_catalog.to_regclass({literal(target)}) and tgname = {literal(name)}) then
    drop trigger {quoted(name)} on {target};
  end if;
end $drop$""")


def require_recorded(unrecorded: int, tool: str) -> None:
    """Raise `HistoryError` if migrations that the other tool has executed are not in our history yet."""
    if unrecorded:
        raise HistoryError(
            f"{tool} has executed {plural(unrecorded, 'migration')} that the history of sqlmigrate does not have",
            state=NOTHING_CHANGED,
            hint="take them over first",
            next_steps=["sqlmigrate adopt --write", "sqlmigrate adopt --finish"],
        )


def is_finished(session: Session, history: ForeignHistory) -> bool:
    """Tell whether the trigger is on the other tool's history."""
    query = Request(
        "select 1 from pg_catalog.pg_trigger where tgrelid = $1::pg_catalog.regclass and tgname = $2",
        (quoted(history.place.schema, history.place.table), _NAME),
    )
    return bool(session.ask(query)[0])
