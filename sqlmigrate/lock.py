"""The run's lock: one run at a time for one history, and who holds it.

An advisory lock on the identity of the history table, polled in autocommit
(https://www.postgresql.org/docs/current/explicit-locking.html#ADVISORY-LOCKS): who waits *in* ``pg_advisory_lock()``
holds a snapshot, and deadlocks the holder's ``CREATE INDEX CONCURRENTLY``.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterator

from .database import Request, Session
from .errors import LockError

POLL_SECONDS = 0.25
_MOMENT = 0.2


def lock_key(identity: str) -> int:
    """Give the number of the advisory lock that guards the history table named `identity`."""
    return int.from_bytes(hashlib.sha256(f"sqlmigrate {identity}".encode()).digest()[:8], signed=True)


def try_lock(key: int) -> Request:
    """Ask for the lock without waiting.

    Who waits *in* ``pg_advisory_lock()`` holds a snapshot, and deadlocks the holder's ``CREATE INDEX CONCURRENTLY``.
    """
    return Request("select pg_catalog.pg_try_advisory_lock($1::bigint)::text", (str(key),))


_HOLDER = """\
select a.pid::text, coalesce(nullif(a.application_name, ''), 'without a name'), a.usename::text,
       coalesce(pg_catalog.host(a.client_addr), 'this machine'),
       pg_catalog.to_char(a.backend_start at time zone 'UTC', 'YYYY-MM-DD HH24:MI:SS "UTC"')
  from pg_catalog.pg_locks l join pg_catalog.pg_stat_activity a using (pid)
 where l.locktype = 'advisory' and l.granted and l.objsubid = 1
   and l.database = (select oid from pg_catalog.pg_database where datname = pg_catalog.current_database())
   and (l.classid::bigint << 32) + l.objid::bigint = $1::bigint"""


def holder(session: Session, key: int) -> str:
    """Give in words who holds the lock; it may be gone by now."""
    (rows,) = session.ask(Request(_HOLDER, (str(key),)))
    if not rows:
        return "a session that is gone by now"
    pid, application, user, host, since = rows[0]
    return f"process {pid} ({application}, user {user}, from {host}, connected since {since})"


def take(session: Session, identity: str, seconds: float) -> Iterator[str]:
    """Take the run's lock; where somebody has it, as `wait`."""
    key = lock_key(identity)
    if session.ask(try_lock(key)) != [[["true"]]]:
        yield from wait(session, key, seconds)


def _is_soon_ours(session: Session, key: int, seconds: float) -> bool:
    """Try for a moment: the server process of a run that has just ended holds the lock a little longer."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        time.sleep(_MOMENT / 10)
        if session.ask(try_lock(key)) == [[["true"]]]:
            return True
    return False


def wait(session: Session, key: int, seconds: float) -> Iterator[str]:
    """Poll for the lock up to `seconds`, giving its holder when the wait begins; ends when the lock is ours.

    Raises `LockError` naming the holder when the time is over.
    """
    deadline = time.monotonic() + seconds
    if _is_soon_ours(session, key, min(seconds, _MOMENT)):
        return
    yield holder(session, key)
    while True:
        (rows,) = session.ask(try_lock(key))
        if rows == [["true"]]:
            return
        if time.monotonic() >= deadline:
            raise LockError(
                f"another run holds the lock, also after {seconds:g} s: {holder(session, key)}",
                detail=["nothing was executed by this run"],
                hint="call it again when the other run has ended; up and down wait longer with --lock-wait 10min",
            )
        time.sleep(POLL_SECONDS)
