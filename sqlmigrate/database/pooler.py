"""Recognises a pooler between us and the server, and whether it shares sessions between its clients.

PgBouncer in transaction mode may grant an advisory lock to two clients at once, and may keep it when both have gone
(https://www.pgbouncer.org/features.html). Behind such a pooler we use nothing that belongs to a session, and refuse
files that need one.
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
    """Tell whether there is a pooler: the process named when we connected is not the one that executes."""
    return session.pid != server.pid


def shares_sessions(session: Session, server: Server) -> bool:
    """Tell whether the pooler gives our server process to other clients while we have no open transaction.

    A second connection opens a transaction, ten times. If the pooler shares sessions, that transaction gets our server
    process, or we get another one. If the second connection is refused because the pool is full, the pooler keeps a
    session for each client.
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
    """Begin a transaction and return its server process; raises `LockError` if the pool has none left."""
    pid = None
    for answer in probe.turn([Request("begin"), _PID], _PROBE_SECONDS):
        if answer is None:
            raise LockError("the pool is full")
        pid = answer.rows[0][0] if answer.rows else pid
    return pid


_PID = Request("select pg_catalog.pg_backend_pid()::text")
