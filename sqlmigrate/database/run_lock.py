"""The run's lock: one run at a time for one history, and who holds it.

An advisory lock on the identity of the history table, polled in autocommit
(https://www.postgresql.org/docs/current/explicit-locking.html#ADVISORY-LOCKS): who waits *in* ``pg_advisory_lock()``
holds a snapshot, and deadlocks the holder's ``CREATE INDEX CONCURRENTLY``.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from sqlmigrate.errors import NOTHING_EXECUTED_BY_THIS_RUN, LockError

from .session import Request, Session

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


_WHO = """\
select a.pid::text, coalesce(nullif(a.application_name, ''), 'without a name'), a.usename::text,
       coalesce(pg_catalog.host(a.client_addr), 'this machine'),
       pg_catalog.to_char(a.backend_start at time zone 'UTC', 'YYYY-MM-DD HH24:MI:SS "UTC"')"""
_SESSIONS = f"{_WHO} from pg_catalog.pg_stat_activity a where a.pid = any ($1::int[]) order by a.pid"
_HOLDER = f"""\
{_WHO}
  from pg_catalog.pg_locks l join pg_catalog.pg_stat_activity a using (pid)
 where l.locktype = 'advisory' and l.granted and l.objsubid = 1
   and l.database = (select oid from pg_catalog.pg_database where datname = pg_catalog.current_database())
   and (l.classid::bigint << 32) + l.objid::bigint = $1::bigint"""


@dataclass(frozen=True)
class Holder:
    """The session that holds the lock, as `pg_stat_activity` shows it; it is connected `since` then."""

    pid: str
    application: str
    user: str
    host: str
    since: str

    def __str__(self) -> str:
        return f"process {self.pid} ({self.application}, user {self.user}, from {self.host}, since {self.since})"


def find_holder(session: Session, key: int) -> Holder | None:
    """Find out who holds the lock; None where nobody does."""
    (rows,) = session.ask(Request(_HOLDER, (str(key),)))
    return Holder(*(value or "" for value in rows[0])) if rows else None


def holder(session: Session, key: int) -> str:
    """Give in words who holds the lock; it may be gone by now."""
    return str(find_holder(session, key) or "a session that is gone by now")


def describe(session: Session, pids: Sequence[int]) -> str:
    """Give in words what sessions those are; they may be gone by now."""
    (rows,) = session.ask(Request(_SESSIONS, (f"{{{','.join(map(str, pids))}}}",)))
    found = [str(Holder(*(value or "" for value in row))) for row in rows]
    return ", ".join(found) or "a session that is gone by now"


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
                f"another run holds the lock, also after {seconds:g} s",
                detail=[holder(session, key)],
                state=NOTHING_EXECUTED_BY_THIS_RUN,
                hint="call it again when it has ended, or wait longer: SQLMIGRATE_LOCK_WAIT=10min",
            )
        time.sleep(POLL_SECONDS)
