"""What is sent for a migration: begin, history row, statements, the row completed, commit.

One code decides it, for both directions, for a dry run, and for whoever watches.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

from sqlmigrate.database.session import COMMIT, Request
from sqlmigrate.durations import milliseconds
from sqlmigrate.history import write
from sqlmigrate.history.state import State
from sqlmigrate.history.table import History
from sqlmigrate.parsing.statement import Statement
from sqlmigrate.plan.plan import Step

_SHORTEST_TICK = 0.05
# What a migration may have set for the session, undone before its history row is completed: a `SET ROLE` would
# otherwise meet the history without rights, a `search_path` the next migration.
RESET = tuple(Request(each, quiet=True) for each in ("reset session authorization", "reset role", "reset all"))
# The same for the one record of a statement without a transaction: at its COMMIT the file's settings are back.
AS_OURSELVES = tuple(Request(f"set local {each}") for each in ("role none", "session authorization default"))
# Before the reset, as a COMMIT would do it: deferred triggers run with the role and the search_path of their file.
_SETTLE = Request("set constraints all immediate", quiet=True)
DISCARD_TEMPORARY = Request("discard temporary", quiet=True)
DISCARD = (DISCARD_TEMPORARY, Request("deallocate all", quiet=True), Request("close all", quiet=True))


@dataclass(frozen=True)
class Batch:
    """The requests of one transaction.

    `places` are the indexes of the file's statements, `beginning` and `completing` those of its history row,
    `committing` that of the COMMIT (in a dry run of what stands for it).
    """

    requests: tuple[Request, ...]
    places: tuple[int, ...]
    beginning: int
    completing: int
    committing: int
    is_dry_run: bool

    @cached_property
    def _numbers(self) -> dict[int, int]:
        return {index: number for number, index in enumerate(self.places, start=1)}

    def statement_number(self, index: int) -> int:
        """Give the number, from 1, of the file's statement that request `index` is; 0 where it is one of ours."""
        return self._numbers.get(index, 0)


def transaction(state: State, step: Step, lock_timeout: str, *, dry_run: bool = False) -> Batch:
    """Give what is sent for a step in one transaction; a dry run leaves out the BEGIN and the COMMIT."""
    script, table = step.script, state.history
    statements = [request(each) for each in script.statements]
    if dry_run:  # the transaction has begun before, and its options are what they are
        statements[: script.settings] = [Request("select")] * script.settings
    if step.direction == "up":
        beginning = write.begin_up(table, step.migration, len(statements))
        ending = write.end_up(table, step.version, in_transaction=True)
    else:
        beginning = write.begin_down(table, step.version)
        ending = write.end_down(table, step.version, in_transaction=True)
    # The row is waited for no longer than a lock: another run may hold it behind a pooler.
    opening = [*([] if dry_run else [Request(script.begin, quiet=True)]), *statements[: script.settings]]
    opening += [Request(f"set local {name} to '{value}'", quiet=True) for name, value in timeouts(step, lock_timeout)]
    opening += [_PROCESS] if state.is_pooled else []  # who is looked at from beside, while the row is waited for
    settling = [] if dry_run else [_SETTLE]
    tidying = [*settling, *([DISCARD_TEMPORARY] if state.is_pooled else []), *RESET]
    body = [beginning, *statements[script.settings :], *tidying, ending]
    requests = (*opening, *body, *_closing(state, dry_run=dry_run))
    first = len(opening) + 1
    settings = [index for index, each in enumerate(opening) if each in statements[: script.settings]]
    places = (*settings, *range(first, first + len(statements) - script.settings))
    completing = len(opening) + len(body) - 1
    return Batch(requests, places, len(opening), completing, completing + 1, dry_run)


_PROCESS = Request("select pg_catalog.pg_backend_pid()")


def _closing(state: State, *, dry_run: bool) -> tuple[Request, ...]:
    if dry_run:
        return (_DEFERRABLE,)
    return (COMMIT,) if state.is_pooled else (COMMIT, *DISCARD)


_DEFERRABLE = Request("""\
select pg_catalog.string_agg(distinct each.name, ', '),
       pg_catalog.string_agg(distinct each.name, ', ') filter (where each.condeferred)
  from (select pg_catalog.format('%I.%I', n.nspname, c.conname) as name, c.condeferred
          from pg_catalog.pg_constraint c join pg_catalog.pg_namespace n on n.oid = c.connamespace
         where c.condeferrable and pg_catalog.has_schema_privilege(n.oid, 'usage')) as each""")


def like_commit(deferrable: str | None, deferred: str | None) -> Iterator[Request]:
    """Give what a COMMIT would do, in a dry run: check what is deferred, and drop what belongs to the session.

    The constraints, by name, are left as they are for the next file: ``all immediate`` would hold for its new ones too.
    """
    if deferrable:
        yield Request(f"set constraints {deferrable} immediate")
    if deferred:
        yield Request(f"set constraints {deferred} deferred")
    yield from DISCARD


def request(statement: Statement) -> Request:
    """Give what is sent for one statement of a file: its text as it is there, and the data of a COPY."""
    return Request(statement.text, data=statement.data.text if statement.data else None)


def timeouts(step: Step, lock_timeout: str) -> Iterator[tuple[str, str]]:
    """Give the settings that bound a step, with their values; a directive of the file wins over `lock_timeout`."""
    yield "lock_timeout", step.script.value("lock-timeout") or lock_timeout
    if value := step.script.value("statement-timeout"):
        yield "statement_timeout", value


def tick(step: Step, lock_timeout: str, longest: float) -> float:
    """Give how often a step is to be looked at, in seconds, `longest` at most: a blocker is seen only during a wait."""
    bound = milliseconds(dict(timeouts(step, lock_timeout))["lock_timeout"]) / 1000
    return max(_SHORTEST_TICK, min(longest, bound / 2)) if bound else longest


def bounds(step: Step, lock_timeout: str, statement: Statement) -> Iterator[Request]:
    """Give what sets the bounds of one statement without a transaction.

    One that PostgreSQL takes in no transaction waits for others without keeping anybody waiting, and cut short it
    leaves an invalid index or a half-detached partition: it has a bound only where the file asks for one. What the
    file sets itself is left to it.
    """
    for name, value in timeouts(step, lock_timeout):
        if name in step.script.session_settings:
            continue
        waits_politely = name == "lock_timeout" and not statement.kind.runs_in_transaction
        unbounded = waits_politely and step.script.value("lock-timeout") is None
        yield Request(f"set {name} to '{0 if unbounded else value}'")


def failure(table: History, step: Step, done: int, message: str) -> Request:
    """Give what writes a failure: the row and the log on the way up, the log alone on the way down."""
    if step.direction == "down":
        return write.fail_down(table, step.version, f"down: {message}")
    return write.fail_up(table, step.migration, (len(step.script.statements), done), message)
