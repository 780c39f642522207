"""A second connection, over which we see what a session waits for, who blocks it, and how far it is.

It takes no locks except those of reading `pg_stat_activity`. It connects only when a statement has waited for a while.
If it is lost, the run continues; for some seconds we see nothing.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from threading import Semaphore

import psycopg
from psycopg import errors as pg
from psycopg.conninfo import make_conninfo

from sqlmigrate.errors import ConnectError, SqlmigrateError

from . import citus_locks
from .blocker import COLUMNS, JOIN_PREPARED, NO_RIGHT, PREPARED_COLUMNS, Blocker, blocker_of
from .connect_errors import reason
from .own_settings import keep_waiting
from .server import INSTANCE, Instance, instance_in
from .session import Request, Session

_REPEAT_SECONDS = 10.0  # after a failure, until the next attempt to connect
_CONNECT_SECONDS = 2
_ANSWER_SECONDS = 2.0
_GATE_SECONDS = 0.25  # a look takes less; a wait for a lock, which is to be seen, may end soon after
_COPY_PROGRESS = 140000
_OF_WORKERS = ("Extension ", "IPC ", "Client ")
SYNCHRONOUS = "IPC SyncRep"  # https://www.postgresql.org/docs/current/monitoring-stats.html: wait events


@dataclass(frozen=True)
class Activity:
    """What a session is doing; every field is empty if nothing can be seen.

    Attributes:
        waits_for: The type and the name of PostgreSQL's wait event: ``Lock relation``.
        is_on_workers: Whether the session waits for the workers of Citus, which execute its statement.
        standbys: The setting `synchronous_standby_names`, if its COMMIT waits for one of these.
        is_commit: Whether it waits while it executes a COMMIT, or checks before it what is deferred.
        blockers: The sessions that hold what it waits for, the oldest transaction first.
        progress: The phase of a long command, with a percentage if the server counts one.
        unseen: Why nothing can be seen, in a sentence; empty if something can.
    """

    waits_for: str | None = None
    blockers: tuple[Blocker, ...] = ()
    progress: str | None = None
    unseen: str = ""
    is_on_workers: bool = False
    is_commit: bool = False
    standbys: str = ""


# https://www.postgresql.org/docs/current/functions-info.html: pg_blocking_pids; monitoring-stats.html: wait events
_IS_COMMIT = "(a.query in ('commit', 'set constraints all immediate'))::text"
_STANDBYS = """\
case a.wait_event when 'SyncRep' then pg_catalog.current_setting('synchronous_standby_names') end"""
_WAIT = f"""\
select a.wait_event_type, a.wait_event, {_IS_COMMIT}, {_STANDBYS}
  from pg_catalog.pg_stat_activity a
 where a.pid = $1::int and a.state = 'active' and a.wait_event_type not in ('Client', 'Activity', 'Timeout')"""
# The coordinator of Citus also waits for its workers as for clients.
_WAIT_ON_CITUS = f"""\
select a.wait_event_type, a.wait_event, {_IS_COMMIT}, {_STANDBYS}
  from pg_catalog.pg_stat_activity a
 where a.pid = $1::int and a.state = 'active' and a.wait_event_type not in ('Activity', 'Timeout')
   and (a.wait_event_type <> 'Client' or a.wait_event = 'ClientRead' and a.query !~* '^copy\\M')"""
_BLOCKERS = f"""\
select {COLUMNS}
  from pg_catalog.pg_stat_activity a
 where a.pid = any (pg_catalog.pg_blocking_pids($1::int)) and a.pid <> pg_catalog.pg_backend_pid()
 order by a.xact_start nulls last"""
# https://www.postgresql.org/docs/current/explicit-locking.html#LOCKING-TABLES: which modes conflict. Of locks on
# transactions and advisory locks, ShareLock and ExclusiveLock are used.
_PREPARED = f"""\
select distinct {PREPARED_COLUMNS}
  from pg_catalog.pg_locks w
  join pg_catalog.pg_locks l
    on l.granted and l.locktype = w.locktype
   and (l.database, l.relation, l.page, l.tuple, l.virtualxid, l.transactionid, l.classid, l.objid, l.objsubid)
       is not distinct from
       (w.database, w.relation, w.page, w.tuple, w.virtualxid, w.transactionid, w.classid, w.objid, w.objsubid)
   and l.mode = any (case w.mode
       when 'AccessShareLock' then array['AccessExclusiveLock']
       when 'RowShareLock' then array['ExclusiveLock', 'AccessExclusiveLock']
       when 'RowExclusiveLock' then array['ShareLock', 'ShareRowExclusiveLock', 'ExclusiveLock', 'AccessExclusiveLock']
       when 'ShareUpdateExclusiveLock' then array['ShareUpdateExclusiveLock', 'ShareLock', 'ShareRowExclusiveLock',
                                                  'ExclusiveLock', 'AccessExclusiveLock']
       when 'ShareLock' then array['RowExclusiveLock', 'ShareUpdateExclusiveLock', 'ShareRowExclusiveLock',
                                   'ExclusiveLock', 'AccessExclusiveLock']
       when 'ShareRowExclusiveLock' then array['RowExclusiveLock', 'ShareUpdateExclusiveLock', 'ShareLock',
                                               'ShareRowExclusiveLock', 'ExclusiveLock', 'AccessExclusiveLock']
       when 'ExclusiveLock' then array['RowShareLock', 'RowExclusiveLock', 'ShareUpdateExclusiveLock', 'ShareLock',
                                       'ShareRowExclusiveLock', 'ExclusiveLock', 'AccessExclusiveLock']
       else array[l.mode] end)
  {JOIN_PREPARED}
 where w.pid = $1::int and not w.granted and 0 = any (pg_catalog.pg_blocking_pids($1::int))"""
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
    """Looks at the sessions of one database over a connection of its own.

    Args:
        url: The database.
        instance: The server that the observed session is connected to. The second connection may lead to another one:
            another host of the URL, or another address of the host's name. There nothing is looked at, because its
            processes have the same numbers. None if it is not known.
        gate: How many observers may be connected at once; each then stays connected for one look only. None if there is
            no bound. It waits a moment for its turn.
        is_on_citus: Whether the server is the coordinator of a Citus cluster: then its workers are looked at as well.
    """

    def __init__(
        self,
        url: str,
        instance: Instance | None = None,
        gate: Semaphore | None = None,
        *,
        is_on_citus: bool = False,
    ) -> None:
        self._url = url
        self._gate = gate
        self._is_on_citus = is_on_citus
        self._instance = instance
        self._session: Session | None = None
        self._not_before = 0.0
        self._unseen = ""

    def look(self, pid: int, size: int = 0) -> Activity:
        """See what the server process `pid` is doing; if it cannot be seen, the `Activity` says why.

        It takes no longer than a few seconds: behind a pooler with one session for all, that session may be our own.
        `size` is the number of bytes that a ``COPY … FROM stdin`` will bring, which the server does not know.
        """
        if self._gate is None:
            return self._look(pid, size)
        if not self._gate.acquire(timeout=_GATE_SECONDS):
            return Activity(unseen="at that moment another database was looked at")
        try:
            return self._look(pid, size)
        finally:
            self.close()
            self._gate.release()

    def _look(self, pid: int, size: int) -> Activity:
        try:
            session = self._connected()
            if session is None:
                return Activity(unseen=self._unseen)
            wait = _WAIT_ON_CITUS if self._is_on_citus else _WAIT
            seen = _activity(session, wait, str(pid), str(size))
            return _with_workers(session, str(pid), seen) if self._is_on_citus else seen
        except pg.InsufficientPrivilege:
            self._unseen = NO_RIGHT
        except (psycopg.Error, SqlmigrateError) as error:
            self._unseen = f"the second connection, which looks, was refused or lost: {reason(error)}"
        self.close()
        self._not_before = time.monotonic() + _REPEAT_SECONDS
        return Activity(unseen=self._unseen)

    def _connected(self) -> Session | None:
        if self._session is None and time.monotonic() >= self._not_before:
            self._session = Session(make_conninfo(self._url, connect_timeout=_CONNECT_SECONDS))
            if self._instance and self._instance != _instance(self._session):
                raise ConnectError("it leads to another server")
            self._session.ask_within(keep_waiting(self._session), _ANSWER_SECONDS, _late())
        return self._session

    def close(self) -> None:
        """Disconnect."""
        if self._session is not None:
            with suppress(psycopg.Error):
                self._session.leave() if self._gate else self._session.close()
            self._session = None


def _instance(session: Session) -> Instance | None:
    (rows,) = session.ask_within((INSTANCE,), _ANSWER_SECONDS, _late())
    return instance_in(rows[0])


def _activity(session: Session, wait: str, pid: str, size: str) -> Activity:
    has_copy = session.conn.info.server_version >= _COPY_PROGRESS
    progress = Request(_PROGRESS + _PROGRESS_OF_COPY, (pid, size)) if has_copy else Request(_PROGRESS, (pid,))
    looking = (Request(wait, (pid,)), Request(_BLOCKERS, (pid,)), Request(_PREPARED, (pid,)), progress)
    waits, blockers, prepared, steps = session.ask_within(looking, _ANSWER_SECONDS, _late())
    return Activity(
        f"{waits[0][0]} {waits[0][1]}" if waits else None,
        tuple(map(blocker_of, [*blockers, *prepared])),
        _percentage(steps),
        is_commit=bool(waits) and waits[0][2] == "true",
        standbys=(waits[0][3] or "") if waits else "",
    )


def _with_workers(session: Session, pid: str, seen: Activity) -> Activity:
    """Add what the workers of Citus show of a session that waits for them: who is in its way there."""
    if seen.blockers or not (seen.waits_for or "").startswith(_OF_WORKERS) or seen.waits_for == SYNCHRONOUS:
        return seen
    (blockers,) = session.ask_within((citus_locks.look(pid),), _ANSWER_SECONDS, _late())
    return replace(seen, is_on_workers=True, blockers=tuple(map(blocker_of, blockers)))


def _late() -> ConnectError:
    return ConnectError("it did not answer in time (a pooler without a free session?)")


def _percentage(rows: Sequence[Sequence[str | None]]) -> str | None:
    if not rows:
        return None
    phase, done, total = rows[0]
    return f"{phase}, {100 * int(done or 0) // int(total or 0)} %" if int(total or 0) else phase
