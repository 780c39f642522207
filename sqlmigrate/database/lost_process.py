"""The server process that a lost connection leaves behind: it may go on executing, and still commit.

Its number alone does not identify it. Another host of the URL has the same numbers, and a server in a container gives
them again after each restart. A process is ours only if the server is the same one, since the same start, and the
process was started at the same moment.
"""

from __future__ import annotations

import time

import psycopg
from psycopg import errors as pg

from sqlmigrate.errors import ServerError

from .connect import place_of
from .server import OF_INSTANCE, Instance, Server, exact, instance_in
from .session import Request, Session

_END_SECONDS = 10.0
_PAUSE = 0.02

# Our role does not see when the sessions of some other roles have begun; it sees which role each session has.
_ANSWERING = Request(f"select {OF_INSTANCE}, pg_catalog.pg_is_in_recovery()::text")
_END = f"""\
select case when a.backend_start is not null then pg_catalog.pg_terminate_backend(a.pid)::text end
  from pg_catalog.pg_stat_activity a
 where a.pid = $1::int and a.usename = session_user
   and coalesce({exact("a.backend_start")} = $2, true)"""


def end(session: Session, server: Server) -> bool:
    """End the process that executed our requests before the connection was lost, and wait until it has ended.

    Returns whether it was still there: then neither the server nor the process has closed the connection.

    Args:
        session: The new connection.
        server: What the lost connection led to, without a pooler between.

    Raises:
        ServerError: It is not known whether the process has ended: the new connection leads to another server, or our
            role may not see enough. No session was ended.
        psycopg.OperationalError: The process does not end.
    """
    if _has_restarted(session, server):
        return False
    deadline = time.monotonic() + _END_SECONDS
    was_there = False
    while found := _end(session, server):
        if found == [[None]]:
            raise _not_seen(server)
        if time.monotonic() > deadline:
            raise psycopg.OperationalError(f"the server process {server.pid} does not end")
        was_there = True
        time.sleep(_PAUSE)
    return was_there


def require_same_server(session: Session, server: Server) -> None:
    """Raise `ServerError` if a new connection does not lead to the server of the lost one; a restart is allowed."""
    _has_restarted(session, server)


def _has_restarted(session: Session, server: Server) -> bool:
    """Tell whether the server was restarted in the meantime: then no process of the time before exists.

    Raises `ServerError` if it is another server, or if that is not known.
    """
    before, (now, is_standby) = server.instance, _answering(session)
    if before is None or now is None:
        raise _not_seen(server)
    if before == now:
        return False
    place = place_of(session.conn)
    if before.system != now.system:
        raise ServerError(
            f"the new connection leads to another server: {place}, before it was {server.address}",
            hint=f"look at both servers before you go on; the statement may still be executed on {server.address}",
        )
    if is_standby:
        raise ServerError(
            f"the new connection leads to a standby: {place}, before it was the primary at {server.address}",
            hint="the primary may still execute the statement: look again when one of them is the primary",
        )
    return True


def _answering(session: Session) -> tuple[Instance | None, bool]:
    """Ask which server this is, and whether it is a standby; None if our role may not see it."""
    try:
        ((row,),) = session.ask(_ANSWERING)
    except pg.InsufficientPrivilege:
        session.abort()
        return None, False
    return instance_in(row[:2]), row[2] == "true"


def _end(session: Session, server: Server) -> list[list[str | None]]:
    if server.process_started is None:
        raise _not_seen(server)
    try:
        (found,) = session.ask(Request(_END, (str(server.pid), server.process_started)))
    except pg.InsufficientPrivilege:
        session.abort()
        raise _not_seen(server) from None
    return found


def _not_seen(server: Server) -> ServerError:
    return ServerError(
        f"this role may not see whether the server process {server.pid} is still the one of the lost connection",
        hint=f"a superuser can look: select * from pg_stat_activity where pid = {server.pid};",
    )
