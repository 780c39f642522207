"""The run's lock: one run at a time for one history, and who holds it.

It is an advisory lock on the name of the history table
(https://www.postgresql.org/docs/current/explicit-locking.html#ADVISORY-LOCKS). We ask for it again and again instead of
waiting in ``pg_advisory_lock()``: a session that waits there holds a snapshot, and so deadlocks with a
``CREATE INDEX CONCURRENTLY`` of the run that has the lock.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from typing import Literal

import psycopg
from psycopg import errors as pg

from sqlmigrate.errors import NOTHING_EXECUTED_BY_THIS_RUN, LockError

from .blocker import COLUMNS, JOIN_PREPARED, PREPARED_COLUMNS, UNSEEN, Blocker, blocker_of
from .own_settings import give_back
from .session import Request, Session

Lock = Literal["held", "again", "taken"]  # see `still_held`
GONE = "a session that has ended by now"
POLL_SECONDS = 0.25
_MOMENT = 0.2


def lock_key(identity: str) -> int:
    """Return the number of the advisory lock that guards the history table named `identity`."""
    return int.from_bytes(hashlib.sha256(f"sqlmigrate {identity}".encode()).digest()[:8], signed=True)


def try_lock(key: int) -> Request:
    """Ask for the lock without waiting; the answer is one row, ``true`` or ``false``."""
    return Request("select pg_catalog.pg_try_advisory_lock($1::bigint)::text", (str(key),))


# While we find out whether our lock is still there, a shared lock takes its place, so that no other run gets in. `case`
# keeps the order of the calls. The server would warn of a missing lock; we report that ourselves.
_STILL_HELD = """\
case when pg_catalog.set_config('client_min_messages', 'error', true) is null then null
            when not pg_catalog.pg_try_advisory_lock_shared({key}) then 'taken'
            when pg_catalog.pg_advisory_unlock({key})
            then case when pg_catalog.pg_try_advisory_lock({key})
                      then case when pg_catalog.pg_advisory_unlock_shared({key}) then 'held' end end
            when pg_catalog.pg_try_advisory_lock({key})
            then case when pg_catalog.pg_advisory_unlock_shared({key}) then 'again' end
            when pg_catalog.pg_advisory_unlock_shared({key}) then 'taken' end"""
_TAKEN = "sqlmigrate: another run has the lock"


def still_held(key: int) -> str:
    """Give the SQL that finds out whether the lock is still ours, and takes it again if it is not.

    A file can give it back: ``discard all``, ``pg_advisory_unlock_all()``. Its value is `held`; `again`: it was lost,
    and is ours again; or `taken`: another run has it. For the select list of a query in an open transaction.
    """
    return _STILL_HELD.format(key=f"'{key}'::bigint")


def require(key: int) -> Request:
    """Check the lock as `still_held` does, in an open transaction, and fail if another run has it.

    The last column of the answer is the value of `still_held`.
    """
    return Request(
        f"select case lock.state when 'taken' then pg_catalog.concat('{_TAKEN}')::int end, lock.state\n"
        f"  from (select {still_held(key)} as state) as lock"
    )


def is_taken(error: Exception) -> bool:
    """Tell whether an error is the one of `require`."""
    return isinstance(error, psycopg.errors.InvalidTextRepresentation) and _TAKEN in (error.diag.message_primary or "")


_IS_THE_LOCK = """\
l.locktype = 'advisory' and l.granted and l.objsubid = 1
   and l.database = (select oid from pg_catalog.pg_database where datname = pg_catalog.current_database())
   and (l.classid::bigint << 32) + l.objid::bigint = $1::bigint"""
_HOLDER = f"""\
select {COLUMNS}
  from pg_catalog.pg_locks l join pg_catalog.pg_stat_activity a using (pid)
 where {_IS_THE_LOCK} and a.pid <> pg_catalog.pg_backend_pid()
union all
select {PREPARED_COLUMNS}
  from pg_catalog.pg_locks l {JOIN_PREPARED}
 where {_IS_THE_LOCK}"""


def look_for_holder(key: int) -> Request:
    """Ask which other session holds the lock; `holder_in` reads the answer."""
    return Request(_HOLDER, (str(key),))


def holder_in(rows: Sequence[Sequence[str | None]]) -> Blocker | None:
    """Return the session that holds the lock, from the answer to `look_for_holder`; None if no session holds it."""
    return blocker_of(rows[0]) if rows else None


@dataclass(frozen=True)
class Held:
    """Another run holds the lock; it is asked for again soon.

    Attributes:
        holder: The session that holds it, as it was seen when the wait began; None where it had ended by then.
        is_first: Whether this is the first that is said of it.
        pause: How long it is until the next try, in seconds.
    """

    holder: Blocker | None
    is_first: bool
    pause: float


def take(session: Session, identity: str, seconds: float) -> None:
    """Take the run's lock, waiting up to `seconds` for another run; raises `LockError` as `wait` does."""
    key = lock_key(identity)
    if session.ask(try_lock(key)) != [[["true"]]]:
        for _ in wait(session, key, seconds):
            pass


@contextmanager
def released(session: Session, identity: str) -> Iterator[None]:
    """Give the lock and our settings back at the end of the block: a pooler keeps our session, and may not reset it.

    Where no pooler is between, the lock ends with our session.
    """
    try:
        yield
    finally:
        if session.is_usable:
            with suppress(psycopg.Error):
                session.ask(Request(_RELEASE, (str(lock_key(identity)),)), *give_back(session))


_RELEASE = f"""\
select pg_catalog.pg_advisory_unlock($1::bigint)
  from pg_catalog.pg_locks l
 where {_IS_THE_LOCK} and l.pid = pg_catalog.pg_backend_pid()"""


def wait(session: Session, key: int, seconds: float, waited: float = 0.0) -> Iterator[Held]:
    """Ask for the lock again and again, up to `seconds`, of which some are `waited` already; end when it is ours.

    Before each further try it yields who holds the lock, and pauses; what the reader does meanwhile counts as pause.
    Raises `LockError`, with the session that holds it then, when the time is over.
    """
    left = max(0.0, seconds - waited)
    deadline = time.monotonic() + left
    if _is_soon_ours(session, key, min(left, _MOMENT)):
        return
    held = Held(_holder(session, key), is_first=True, pause=POLL_SECONDS)
    while time.monotonic() < deadline:
        until = time.monotonic() + POLL_SECONDS
        yield held
        time.sleep(max(0.0, until - time.monotonic()))
        if session.ask(try_lock(key)) == [[["true"]]]:
            return
        held = replace(held, is_first=False)
    raise _held(_holder(session, key), seconds)


def _is_soon_ours(session: Session, key: int, seconds: float) -> bool:
    """Ask for a moment: the server process of a run that has just ended holds the lock a little longer."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        time.sleep(_MOMENT / 10)
        if session.ask(try_lock(key)) == [[["true"]]]:
            return True
    return False


def _holder(session: Session, key: int) -> Blocker | None:
    try:
        (rows,) = session.ask(look_for_holder(key))
    except pg.InsufficientPrivilege:
        session.abort()
        return UNSEEN
    return holder_in(rows)


def _held(holder: Blocker | None, seconds: float) -> LockError:
    return LockError(
        f"another run still holds the lock after {seconds:g} s",
        detail=holder.lines if holder else [GONE],
        state=NOTHING_EXECUTED_BY_THIS_RUN,
        hint="run it again when the other run has ended, or wait longer: SQLMIGRATE_LOCK_WAIT=10min",
    )
