"""A second connection, that sees what a session waits for, and for whom.

It takes no lock of its own beyond what looking into `pg_stat_activity` takes, connects only when somebody has waited
for a while, and its loss harms nothing: then there is nothing to be seen, and that is all.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass

import psycopg

from sqlmigrate.errors import SqlmigrateError

from .session import Request, Session

_REPEAT_SECONDS = 10.0  # after a failure, before the next attempt to connect
_COPY_PROGRESS = 140000


@dataclass(frozen=True)
class Blocker:
    """A session that stands in the way: what `pg_stat_activity` says of it; `seconds` is the age of its transaction."""

    pid: int
    application: str
    user: str
    state: str
    seconds: int
    statement: str

    @property
    def who(self) -> str:
        """Process, application and user."""
        return f"process {self.pid} ({self.application or 'without a name'}, user {self.user})"

    @property
    def doing(self) -> str:
        """State, age of the transaction, and the statement: the one under way, or the last one."""
        age = f"transaction open for {self.seconds} s" if self.seconds >= 0 else "no transaction"
        return f"{self.state}, {age.removeprefix('transaction ' * ('transaction' in self.state))}: {self.statement}"

    def __str__(self) -> str:
        return f"{self.who}, {self.doing}"


@dataclass(frozen=True)
class Activity:
    """What a session is seen doing: what it waits for, who stands in its way, and how far it is."""

    waits_for: str | None = None
    blockers: tuple[Blocker, ...] = ()
    progress: str | None = None


# https://www.postgresql.org/docs/current/functions-info.html: pg_blocking_pids; monitoring-stats.html: wait events
_WAIT = """\
select a.wait_event_type, a.wait_event from pg_catalog.pg_stat_activity a
 where a.pid = $1::int and a.state = 'active' and a.wait_event_type not in ('Client', 'Activity', 'Timeout')"""
_BLOCKERS = """\
select a.pid::text, a.application_name, coalesce(a.usename::text, a.backend_type), coalesce(a.state, 'background'),
       coalesce(extract(epoch from pg_catalog.clock_timestamp() - a.xact_start)::int, -1)::text,
       pg_catalog.left(pg_catalog.regexp_replace(a.query, '\\s+', ' ', 'g'), 60)
  from pg_catalog.pg_stat_activity a
 where a.pid = any (pg_catalog.pg_blocking_pids($1::int))
 order by a.xact_start nulls last"""
# https://www.postgresql.org/docs/current/progress-reporting.html; some phases count nothing that has a known end
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
        """See what the server process `pid` does; an empty sight where it cannot be seen.

        `size` is how many bytes a ``COPY … FROM stdin`` brings: the server does not know.
        """
        try:
            session = self._connected()
            return _sight(session, str(pid), str(size)) if session else Activity()
        except (psycopg.Error, SqlmigrateError):
            self.close()
            self._not_before = time.monotonic() + _REPEAT_SECONDS
            return Activity()

    def _connected(self) -> Session | None:
        if self._session is None and time.monotonic() >= self._not_before:
            self._session = Session(self._url)
        return self._session

    def close(self) -> None:
        """Disconnect."""
        if self._session is not None:
            with suppress(psycopg.Error):
                self._session.close()
            self._session = None


def _sight(session: Session, pid: str, size: str) -> Activity:
    has_copy = session.conn.info.server_version >= _COPY_PROGRESS
    progress = Request(_PROGRESS + _PROGRESS_OF_COPY, (pid, size)) if has_copy else Request(_PROGRESS, (pid,))
    waits, blockers, steps = session.ask(Request(_WAIT, (pid,)), Request(_BLOCKERS, (pid,)), progress)
    return Activity(
        f"{waits[0][0]} {waits[0][1]}" if waits else None, tuple(map(_blocker, blockers)), _percentage(steps)
    )


def _blocker(row: Sequence[str | None]) -> Blocker:
    pid, application, user, state, seconds, statement = (value or "" for value in row)
    return Blocker(int(pid), application, user, state, int(seconds), statement)


def _percentage(rows: Sequence[Sequence[str | None]]) -> str | None:
    if not rows:
        return None
    phase, done, total = rows[0]
    return f"{phase}, {100 * int(done or 0) // int(total or 0)} %" if int(total or 0) else phase
