"""What is sent for a migration, request by request: begin, history row, statements, the row completed, commit.

The same code decides this for both directions, for a dry run, and for statements that are sent step by step.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal, NamedTuple

from sqlmigrate.database import citus, run_lock
from sqlmigrate.database.own_settings import KEEP_ENCODING, after_reset
from sqlmigrate.database.session import COMMIT, Request
from sqlmigrate.durations import milliseconds
from sqlmigrate.files.on_disk import Pieces
from sqlmigrate.history import write
from sqlmigrate.history.state import State
from sqlmigrate.history.table import History
from sqlmigrate.history.write import ALWAYS, Condition
from sqlmigrate.identifiers import quoted
from sqlmigrate.parsing.statement import Statement
from sqlmigrate.plan.plan import Step

from . import session_state

_SHORTEST_TICK = 0.05
# Undo what a migration has set for the session before its history row is completed: a `SET ROLE` would leave us
# without the right to write it, and a `search_path` would reach the next migration.
_RESET = tuple(Request(each, quiet=True) for each in ("reset session authorization", "reset role", "reset all"))
# The history is written by this transaction, whatever the file has set for those that follow.
BEGIN = Request("begin read write")
# The same for the record of one statement without a transaction: after its COMMIT the file's settings are back.
AS_OURSELVES = tuple(Request(f"set local {each}") for each in ("role none", "session authorization default"))
# As a COMMIT does it, and before the reset: deferred triggers run with the role and the search_path of their file.
_CHECK_DEFERRED = Request("set constraints all immediate", quiet=True)
# A cursor that is still open keeps its temporary table from being dropped.
_DISCARD_SHARED = tuple(Request(each, quiet=True) for each in ("close all", "discard temporary"))
_DISCARD = (*_DISCARD_SHARED, *(Request(each, quiet=True) for each in ("unlisten *", "discard sequences")))
_DEALLOCATE = Request("deallocate all", quiet=True)
DISCARD = (*_DISCARD, _DEALLOCATE)
_PROCESS = Request("select pg_catalog.pg_backend_pid()")
_DEFERRABLE = Request("""\
select pg_catalog.string_agg(distinct each.name, ', '),
       pg_catalog.string_agg(distinct each.name, ', ') filter (where each.condeferred)
  from (select pg_catalog.format('%I.%I', n.nspname, c.conname) as name, c.condeferred
          from pg_catalog.pg_constraint c join pg_catalog.pg_namespace n on n.oid = c.connamespace
         where c.condeferrable and pg_catalog.has_schema_privilege(n.oid, 'usage')) as each""")

_WHERE_AND_WHO = ("search_path", "role")

Role = Literal["statement", "process", "begin", "note", "complete", "commit", "deferrable", "lock", "other"]


class Part(NamedTuple):
    """One request of those that execute a step; a large file has thousands.

    Attributes:
        request: The request.
        role: What it does.
            `statement`: a statement of the file.
            `process`: asks for the server's process.
            `begin`, `note`, `complete`: begins, updates (or checks) and completes the history row.
            `commit`: the COMMIT.
            `lock`: checks the session; the last column of its answer says what became of the lock of the run.
            `deferrable`: asks for what a dry run does in place of the COMMIT.
        number: The number of the file's statement that it belongs to, from 1; 0 if it belongs to none.
    """

    request: Request
    role: Role = "other"
    number: int = 0


def transaction(
    state: State, step: Step, lock_timeout: str, *, only: Condition = ALWAYS, dry_run: bool = False
) -> tuple[Part, ...]:
    """Give what executes a step in one transaction; a dry run is in a transaction already, and does not end it.

    It fails at its first request unless the condition `only` holds. The requests to the history that are prepared once
    for all steps are not so where the file may deallocate them.
    """
    settings = step.script.settings
    opening: list[Part] = []
    if not dry_run:
        opening = [Part(Request(step.script.begin, quiet=True))]
        opening += [Part(request(step.script.statements[n - 1]), "statement", n) for n in range(1, settings + 1)]
    else:  # too late for SET TRANSACTION; an empty SELECT stands for each
        opening = [Part(Request("select"), "statement", n) for n in range(1, settings + 1)]
    opening += map(Part, as_asked(state))
    # These also bound the wait for the history row: behind a pooler, another run may hold it.
    for name, value in timeouts(step, lock_timeout):
        bound = Request(f"set local {name} to '{value}'", quiet=True)
        opening += map(Part, citus.on_all_nodes(bound) if _reaches_workers(state, name) else (bound,))
    if state.is_pooled:  # the process that waits for the row, if another run has it
        opening.append(Part(_PROCESS, "process"))
    begin, complete = _row(state.history, step, only)
    check = session_state.check(lock_key(state))
    keeps_prepared = only.is_prepared and not may_prepare(step)
    if keeps_prepared:
        complete = complete._replace(name=f"sqlmigrate_end_{step.direction}")
        check = check._replace(name="sqlmigrate_check")
    return (
        *opening,
        Part(begin, "begin"),
        *_statements(state, step.script.statements, settings),
        *map(Part, [] if dry_run else [_CHECK_DEFERRED]),
        Part(check, "lock"),
        *map(Part, reset(state)),
        Part(complete, "complete"),
        *map(Part, [] if dry_run else _discard(state, forgets=not keeps_prepared)),
        Part(_DEFERRABLE, "deferrable") if dry_run else Part(COMMIT, "commit"),
    )


def as_asked(state: State) -> tuple[Request, ...]:
    """Give what sets the role and the search_path that were asked for, where each transaction may have another session.

    A pooler that shares sessions gives each transaction one of its pool.
    """
    if not state.is_pooled:
        return ()
    asked = [(name, value) for name, value in state.server.asked if name in _WHERE_AND_WHO]
    if state.server.schema is not None:
        asked.append(("search_path", quoted(state.server.schema)))
    return tuple(_set_local(name, value) for name, value in asked)


def _set_local(name: str, value: str) -> Request:
    return Request("select pg_catalog.set_config($1, $2, true)", (name, value), quiet=True)


def _reaches_workers(state: State, setting: str) -> bool:
    """Tell whether a setting has to be set on the workers of Citus as well: they wait for their locks themselves."""
    return state.history.is_on_citus and setting == "lock_timeout"


def bound_on_workers(state: State, step: Step, lock_timeout: str) -> tuple[Request, ...]:
    """Give what bounds the wait for locks on the workers of Citus, for one statement in a transaction of its own."""
    if not state.history.is_on_citus or "lock_timeout" in step.script.session_settings:
        return ()
    value = dict(timeouts(step, lock_timeout))["lock_timeout"]
    return citus.on_all_nodes(Request(f"set local lock_timeout to '{value}'", quiet=True))


def _statements(state: State, statements: tuple[Statement, ...], settings: int) -> Iterator[Part]:
    """Give what executes the statements after the first `settings`, and sets our encoding again after some."""
    for number, statement in enumerate(statements[settings:], settings + 1):
        verb = statement.kind.verb
        setting = session_state.encoding_of_files(statements, number) if verb == "COPY" else None
        if setting:
            yield Part(Request(setting.text))
        if state.history.is_on_citus and statement.kind.first_words.startswith("SET LOCAL LOCK_TIMEOUT "):
            before, bound, after = citus.on_all_nodes(request(statement))
            yield from (Part(before), Part(bound, "statement", number), Part(after))
        else:
            yield Part(request(statement), "statement", number)
        if setting or verb in session_state.MAY_SET:
            yield Part(KEEP_ENCODING)


def lock_key(state: State) -> int | None:
    """Give the number of the run's lock; None if the run has not taken it."""
    return run_lock.lock_key(state.history.name) if state.holds_lock else None


def reset(state: State) -> tuple[Request, ...]:
    """Give what makes the session ours again: its role, its settings."""
    return (*_RESET, *after_reset(state.server.major, state.server.schema, is_shared=state.is_pooled))


def may_prepare(step: Step) -> bool:
    """Tell whether a file may prepare statements, or deallocate those that there are: it does, or calls functions.

    A function that a trigger calls may do so too; the next step that was sent ahead then refuses.
    """
    return any(each.kind.verb in session_state.MAY_PREPARE for each in step.script.statements)


def _row(history: History, step: Step, only: Condition) -> tuple[Request, Request]:
    """Give what begins and what completes the history row."""
    if step.direction == "down":
        return write.begin_down(history, step.version, only), write.end_down(history, step.version)
    begin = write.begin_up(history, step.migration, len(step.script.statements), only)
    return begin, write.end_up(history, step.version, in_transaction=True)


def _discard(state: State, *, forgets: bool) -> tuple[Request, ...]:
    """Give what drops all that a file has left in the session; behind its COMMIT each would be a transaction.

    A session that a pooler shares may hold the prepared statements of others. A dry run does it at its end.
    """
    if state.is_pooled:
        return _DISCARD_SHARED
    return DISCARD if forgets else _DISCARD


def instead_of_commit(deferrable: str | None, deferred: str | None) -> tuple[Part, ...]:
    """Give what does in a dry run what a COMMIT would do: check deferred constraints, drop what the session owns.

    `deferrable` and `deferred` are the names of constraints, as the answer to `deferrable` has them. They are named one
    by one and set back afterwards: ``all immediate`` would also hold for the constraints of the next file.
    """
    checks = [f"set constraints {deferrable} immediate"] if deferrable else []
    checks += [f"set constraints {deferred} deferred"] if deferred else []
    return tuple(map(Part, [*map(Request, checks), *DISCARD]))


def request(statement: Statement) -> Request:
    """Give what is sent for one statement of a file: its text as it is there, and the data of a COPY."""
    data: str | Pieces | None = statement.data.text if statement.data else None
    if on_disk := statement.on_disk:
        data = Pieces(statement.source.path, on_disk)
    return Request(statement.text, data=data, drops_rows=True)


def timeouts(step: Step, lock_timeout: str) -> Iterator[tuple[str, str]]:
    """Give the settings that bound a step, with their values; a directive of the file wins over `lock_timeout`."""
    yield "lock_timeout", step.script.value("lock-timeout") or lock_timeout
    if value := step.script.value("statement-timeout"):
        yield "statement_timeout", value


def tick(step: Step, lock_timeout: str, longest: float) -> float:
    """Give how often to look at a step, in seconds, `longest` at most: a blocker is seen only during a wait."""
    bound = milliseconds(dict(timeouts(step, lock_timeout))["lock_timeout"]) / 1000
    return min(longest, max(_SHORTEST_TICK, bound / 2)) if bound else longest


def bounds(step: Step, lock_timeout: str, statement: Statement) -> Iterator[Request]:
    """Give what sets the bounds of one statement without a transaction; what the file sets itself is left alone.

    A statement that PostgreSQL refuses in a transaction blocks no other session while it waits for locks, and a timeout
    would leave an invalid index or a half-detached partition behind. So it has a bound only if the file asks for one.
    """
    for name, value in timeouts(step, lock_timeout):
        if name in step.script.session_settings:
            continue
        waits_politely = name == "lock_timeout" and not statement.kind.runs_in_transaction
        unbounded = waits_politely and step.script.value("lock-timeout") is None
        yield Request(f"set {name} to '{0 if unbounded else value}'")


def failure(history: History, step: Step, done: int, message: str) -> Request:
    """Give what writes a failure: the row and the log, for a down in a transaction the log alone."""
    if step.direction == "down" and step.script.mode == "statements":
        return write.fail_down_alone(history, step.version, message)
    if step.direction == "down":
        return write.fail_down(history, step.version, f"down: {message}")
    keeps = step.script.mode == "statements" or bool(step.begun)
    return write.fail_up(history, step.migration, len(step.script.statements), done, message, keeps_statements=keeps)
