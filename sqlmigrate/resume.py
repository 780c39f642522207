"""Where a file without a transaction goes on, and what a failed statement of it has left behind."""

from __future__ import annotations

from contextlib import suppress

import psycopg

from . import history, plan as planning, record
from .database import Request, Session
from .errors import HistoryError
from .history import History
from .plan import Step
from .split import Statement
from .statement import makes_index_concurrently, object_name


def start(session: Session, table: History, step: Step) -> int:
    """Write that the step is running, and give how many of its statements are done already.

    Raises `HistoryError` where one of those has another text by now.
    """
    if step.direction == "down":
        return 0
    count = len(step.script.statements)
    if not step.done_before:
        session.ask(record.begin_up(table, step.migration, count))
        return 0
    _require_same_beginning(session, table, step)
    session.ask(record.resume_up(table, step.migration, count))
    return step.done_before


def _require_same_beginning(session: Session, table: History, step: Step) -> None:
    recorded, _ = history.texts(session, table, [step.version]).get(step.version, (None, None))
    before = planning.read_text(step.label, recorded or "")
    statements = step.script.statements
    for number in range(1, step.done_before + 1):
        now = statements[number - 1] if number <= len(statements) else None
        if now is None or number > len(before) or before[number - 1].text != now.text:
            raise HistoryError(
                f"{step.label}: statement {number} was executed already, and has another text by now",
                now.span if now else step.script.source.span(0, 0),
                detail=[f"{step.done_before} of its statements are executed; it goes on only if those are unchanged"],
                hint="put the text of that statement back; what is behind the failed statement may be changed",
            )


def leaves_something(session: Session, statement: Statement) -> str | None:
    """Give the name of the index that a failed ``CREATE INDEX CONCURRENTLY`` has left behind, marked invalid."""
    name = object_name(statement)
    if not name or not makes_index_concurrently(statement) or not session.is_usable:
        return None
    looking = Request(
        "select 1 from pg_catalog.pg_index where indexrelid = pg_catalog.to_regclass($1) and not indisvalid", (name,)
    )
    with suppress(psycopg.Error):
        if session.ask(looking)[0]:
            return name
    return None
