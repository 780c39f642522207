"""A pooler between us and the server, and whether it gives our session to others between transactions.

PgBouncer in transaction mode grants a session's advisory lock to two clients at once and strands it
(https://www.pgbouncer.org/features.html), so there nothing of a session is used, and what needs one is refused.
"""

from __future__ import annotations

from contextlib import closing

from psycopg.conninfo import make_conninfo

from sqlmigrate.errors import LockError, SqlmigrateError

from .server import Server
from .session import Request, Session

_PROBES = 10
_PROBE_SECONDS = 2


def is_between(session: Session, server: Server) -> bool:
    """Tell whether a pooler answers in the server's place: the process that it named is not the one that executes."""
    return session.pid != server.pid


def shares_sessions(session: Session, server: Server) -> bool:
    """Tell whether the pooler lends our server process to others while no transaction of ours is open.

    Beside us one more connection holds a transaction open, a few times: a pooler that shares puts it on our process, or
    puts us on another one. Where it is let in at all, that is: a pool that is full keeps sessions to their clients.
    """
    try:
        with closing(Session(make_conninfo(session.url, connect_timeout=_PROBE_SECONDS))) as probe:
            return any(_is_shared(session, probe, str(server.pid)) for _ in range(_PROBES))
    except SqlmigrateError:
        return False


def _is_shared(session: Session, probe: Session, pid: str) -> bool:
    theirs = _process_of(probe)
    (((ours,),),) = session.ask(_PID)
    probe.ask(Request("rollback"))
    return theirs == pid or ours != pid


def _process_of(probe: Session) -> str | None:
    """Begin a transaction and give its server process; raises `LockError` where the pool has none left for us."""
    pid = None
    for answer in probe.turn([Request("begin"), _PID], _PROBE_SECONDS):
        if answer is None:
            raise LockError("the pool is full")
        pid = answer.rows[0][0] if answer.rows else pid
    return pid


_PID = Request("select pg_catalog.pg_backend_pid()::text")
