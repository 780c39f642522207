"""Reads the history's log: every up, down, failure, repair, baseline, adoption and fold. `write` writes it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime

from psycopg import errors as pg

from sqlmigrate.database.session import BEGIN_READ_ONLY, COMMIT, ON_PRIMARY, Request, Session
from sqlmigrate.files.naming import version_number

from .read import number, time
from .rights import half_made, unreadable
from .table import LOG_COLUMNS, History

_EPOCH = datetime.fromtimestamp(0, UTC)
_CHANGES = ("up", "baseline", "adopt", "down")
_READ = [each for each in LOG_COLUMNS if each.is_read]


@dataclass(frozen=True)
class LogEntry:
    """A row of the history's log.

    Attributes:
        logged_at: When it was written, in UTC.
        action: `up`, `down`, `failure`, `repair`, `baseline`, `adopt` or `fold`.
        version: The version of the migration.
        name: The name of the migration.
        duration_ms: How long it took, in milliseconds by the server's clock; None where nothing was executed.
        executed_by: The role.
        host: The host that sqlmigrate ran on.
        detail: The message of a failure, or what a repair or a fold did.
        run: What has the same value in all entries of one run, of a fleet in those of all its databases; None for one
            that an older version has written.
    """

    logged_at: datetime
    action: str
    version: str
    name: str
    duration_ms: int | None
    executed_by: str
    host: str
    detail: str | None
    run: str | None = None


def entries(session: Session, history: History) -> tuple[LogEntry, ...]:
    """Read the history's log, oldest entry first, in one round trip; writes nothing."""
    if not history.exists:
        return ()
    read = [each for each in _READ if history.run_column == "there" or not each.may_lack]
    columns = ", ".join(each.as_read for each in read)
    query = f"{ON_PRIMARY}select {columns} from {history.quoted_log} order by id"
    try:
        _, rows, _ = session.ask(BEGIN_READ_ONLY, Request(query), COMMIT)
    except pg.InsufficientPrivilege:
        raise unreadable(history, session.conn.info.user, history.log_name) from None
    except pg.UndefinedTable:
        raise half_made(history) from None
    names = [each.name for each in read]
    return tuple(_entry(dict(zip(names, row, strict=True))) for row in rows)


def undone(entries: Iterable[LogEntry]) -> set[int]:
    """Return the versions, as numbers, of which `down` was the last that changed the database."""
    last = {version_number(each.version): each.action for each in entries if each.action in _CHANGES}
    return {number for number, action in last.items() if action == "down"}


def _entry(row: dict[str, str | None]) -> LogEntry:
    return LogEntry(
        logged_at=time(row["logged_at"]) or _EPOCH,
        action=row["action"] or "",
        version=row["version"] or "",
        name=row["name"] or "",
        duration_ms=number(row["duration_ms"]),
        executed_by=row["executed_by"] or "",
        host=row["host"] or "",
        detail=row["detail"],
        run=row.get("run"),
    )
