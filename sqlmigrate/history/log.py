"""The history's log, read: every up, down, failure, repair and baseline. It is written by `record`."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from psycopg import errors as pg

from sqlmigrate.database.session import BEGIN_READ_ONLY, COMMIT, Request, Session

from .read import TIME
from .rights import half_made, unreadable
from .table import History


@dataclass(frozen=True)
class LogEntry:
    """A row of the history's log."""

    logged_at: datetime
    action: str
    version: str
    name: str
    duration_ms: int | None
    executed_by: str
    host: str
    detail: str | None


def entries(session: Session, history: History) -> tuple[LogEntry, ...]:
    """Read the history's log, oldest first: one turn, read-only."""
    if not history.exists:
        return ()
    query = (
        f"select {TIME.format('logged_at')}, action, version, name, duration_ms, executed_by, host, detail "
        f"from {history.quoted_log} order by id"
    )
    try:
        _, rows, _ = session.ask(BEGIN_READ_ONLY, Request(query), COMMIT)
    except pg.InsufficientPrivilege:
        raise unreadable(history, session.conn.info.user, history.log_name) from None
    except pg.UndefinedTable:
        raise half_made(history) from None
    return tuple(
        LogEntry(
            datetime.fromisoformat(at or "").replace(tzinfo=UTC), action or "", version or "", name or "",
            int(duration) if duration is not None else None, by or "", host or "", detail,
        )
        for at, action, version, name, duration, by, host, detail in rows
    )  # fmt: skip
