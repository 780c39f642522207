"""A second connection, over which we see what a session waits for, who blocks it, and how far it is.

It takes no locks except those of reading `pg_stat_activity`. It connects only when a statement has waited for a while.
If it is lost, the run continues; for some seconds we see nothing.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass

import psycopg

from sqlmigrate.errors import SqlmigrateError

from .blocker import COLUMNS, Blocker, blocker_of
from .own_settings import keep_waiting
from .session import Request, Session

_REPEAT_SECONDS = 10.0  # after a failure, until the next attempt to connect
_COPY_PROGRESS = 140000


@dataclass(frozen=True)
class Activity:
    """What a session is doing; every field is empty if nothing can be seen.

    Attributes:
        waits_for: The type and the name of PostgreSQL's wait event: ``Lock relation``.
        blockers: The sessions that hold what it waits for, the oldest transaction first.
        progress: The phase of a long command, with a percentage if the server counts one.
    """

    waits_for: str | None = None
    blockers: tuple[Blocker, ...] = ()
    progress: str | None = None


# https://www.postgresql.org/docs/current/functions-info.html: pg_blocking_pids; monitoring-stats.html: wait events
_WAIT = """\
select a.wait_event_type, a.wait_event from pg_catalog.pg_stat_activity a
 where a.pid = $1::int and a.state = 'active' and a.wait_event_type not in ('Client', 'Activity', 'Timeout')"""
_BLOCKERS = f"""\
select {COLUMNS}
  from pg_catalog.pg_stat_activity a
 where a.pid = any (pg_catalog.pg_blocking_pids($1::int))
 order by a.xact_start nulls last"""
# https://www.postgresql.org/docs/current/progress-reporting.html; some phases have no known end
_PROGRESS = """\
select phase, coalesce(nullif(blocks_done, 0), tuples_done, 0)::text,
       case when phase like 'waiting%' then '0' else coalesce(nullif(blocks_total, 0), tuples_total, 0)::text end
  from pg_catalog.pg_stat_progress_create_index where pid = $1::int
union all
select phase, case phase when 'vacuuming heap' then heap_blks_vacuumed else heap_blks_scanned end::text,
       case when phase in ('scanning heap', 'vacuuming heap') then heap_blks_total else 0 end::text
  from pg_catalog.pg_stat_progress_vacuum where pid = $1::int
union all
select phase, heap_blks_scanned::text, case phase when 'seq scanning heap' then heap_blks_total else 0 end::text
  from pg_catalog.pg_stat_progress_cluster where pid = $1::int"""
_PROGRESS_OF_COPY = """
union all
select 'copying', bytes_processed::text, coalesce(nullif(bytes_total, 0), $2::bigint)::text
  from pg_catalog.pg_stat_progress_copy where pid = $1::int"""


class Observer:
    """Looks at the sessions of one database over a connection of its own."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._session: Session | None = None
        self._not_before = 0.0

    def look(self, pid: int, size: int = 0) -> Activity:
        """See what the server process `pid` is doing; an empty `Activity` if it cannot be seen.

        `size` is the number of bytes that a ``COPY … FROM stdin`` will bring, which the server does not know.
        """
        try:
            session = self._connected()
            return _activity(session, str(pid), str(size)) if session else Activity()
        except (psycopg.Error, SqlmigrateError):
            self.close()
            self._not_before = time.monotonic() + _REPEAT_SECONDS
            return Activity()

    def _connected(self) -> Session | None:
        if self._session is None and time.monotonic() >= self._not_before:
            self._session = Session(self._url)
            self._session.ask(*keep_waiting(self._session))
        return self._session

    def close(self) -> None:
        """Disconnect."""
        if self._session is not None:
            with suppress(psycopg.Error):
                self._session.close()
            self._session = None


def _activity(session: Session, pid: str, size: str) -> Activity:
    has_copy = session.conn.info.server_version >= _COPY_PROGRESS
    progress = Request(_PROGRESS + _PROGRESS_OF_COPY, (pid, size)) if has_copy else Request(_PROGRESS, (pid,))
    waits, blockers, steps = session.ask(Request(_WAIT, (pid,)), Request(_BLOCKERS, (pid,)), progress)
    return Activity(
        f"{waits[0][0]} {waits[0][1]}" if waits else None, tuple(map(blocker_of, blockers)), _percentage(steps)
    )


def _percentage(rows: Sequence[Sequence[str | None]]) -> str | None:
    if not rows:
        return None
    phase, done, total = rows[0]
    return f"{phase}, {100 * int(done or 0) // int(total or 0)} %" if int(total or 0) else phase
