"""What is told of a step whose connection was lost while it was executed."""

from __future__ import annotations

from dataclasses import dataclass

import psycopg

from sqlmigrate.database.connect_errors import reason
from sqlmigrate.database.session import Session
from sqlmigrate.errors import ConnectError, ServerError, SqlmigrateError, StatementError
from sqlmigrate.history.state import LOST
from sqlmigrate.plan.plan import Step
from sqlmigrate.times import duration

from .statement_errors import cure, unplaced

# What libpq says of a connection that the other end has closed; if the network fails, nothing arrives from there.
_CLOSED = ("closed the connection", "closed unexpectedly", "reset by peer", "EOF detected")
_SAYS_SO = ("08", "25P", "57P")  # the codes of a connection, and of a session that the server ends
_UNREACHABLE = "08"
_IN_BETWEEN = "something in between, a proxy or a balancer, has closed the connection"


@dataclass(frozen=True)
class Loss:
    """How a connection was lost.

    Attributes:
        problem: What libpq, or the server, said.
        last_words: What the server said unasked when it closed the connection; empty if it said nothing.
        silent_seconds: For how long nothing was sent before, and nothing had arrived.
    """

    problem: psycopg.Error
    last_words: str
    silent_seconds: float

    @classmethod
    def of(cls, session: Session, problem: psycopg.Error) -> Loss:
        """Look at a session whose connection has just been lost."""
        said = problem.__cause__ if isinstance(problem.__cause__, psycopg.Error) else problem
        return cls(said, session.last_words, session.pipeline.silent_seconds)

    def error(self, step: Step, done: int, *, went_on: bool) -> StatementError:
        """Return the error for a step.

        So many statements of it are `done`, by its history row. `went_on` says that the server was still executing it
        after the connection was lost.
        """
        problem = self.problem
        is_inside = 0 < done < len(step.script.statements)
        then = f"{f' (it goes on at statement {done + 1})' if is_inside else ''}, then: sqlmigrate {step.direction}"
        is_closed = not (problem.sqlstate or self.last_words) and any(words in str(problem) for words in _CLOSED)
        if went_on and is_closed:
            silent = round(self.silent_seconds)
            after = f" after {duration(silent)} in which nothing was sent" if silent else ""
            hint = f"{_IN_BETWEEN}{after}: the server was still executing the file"
            again = f"connect past it, to another host or port{then}"
            return StatementError(f"{LOST}: {reason(problem)}", hint=hint, next_steps=[again])
        state = problem.sqlstate
        made = unplaced(problem) if state else StatementError(f"{LOST}: {reason(problem)}")
        if state and not state.startswith(_SAYS_SO):
            made = made.with_(message=f"{LOST}: {made.message}")
        again = cure(state if state and state.startswith(_SAYS_SO) else _UNREACHABLE)
        return made.with_(next_steps=[f"{again}{then}"])


def not_looked_up(error: StatementError, problem: psycopg.Error | SqlmigrateError) -> StatementError:
    """Add to an error why the history does not tell what became of the step, and what to do first."""
    detail = [*error.detail, f"the history could not be read: {reason(problem)}"]
    if isinstance(problem, ServerError):
        return error.with_(detail=detail, hint=problem.hint, next_steps=["sqlmigrate status"])
    return error.with_(detail=detail)


def never_begun(step: Step) -> StatementError:
    """Return the error of a step that was sent, and may still arrive: it is recorded, so that it does nothing then."""
    message = "the connection was lost before it began: nothing of it was executed"
    return StatementError(message, step.script.source.span(0, 0))


def lost_after(step: Step) -> ConnectError:
    """Return the error for a connection that was lost after a step was committed."""
    return ConnectError(
        f"the connection was lost while {step.label} was being committed; the history shows that the commit succeeded",
        next_steps=[f"sqlmigrate {step.direction}"],
    )


def unknown(step: Step, number: int) -> str:
    """Say that it is not known what became of a step; `number` is the statement that it was cut in, 0 for none."""
    if step.script.mode == "transaction":
        return f"it is not known whether {step.label} was committed or rolled back: its history row will tell"
    return f"it is not known whether statement {number or len(step.script.statements)} of {step.label} was executed"
