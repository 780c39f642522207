"""Recognises a pooler between us and the server, and whether it shares sessions between its clients.

PgBouncer in transaction mode may grant an advisory lock to two clients at once, and may keep it when both have gone
(https://www.pgbouncer.org/features.html). Behind such a pooler we use nothing that belongs to a session, and refuse
files that need one. So we do where we cannot find out whether the pooler shares sessions.
"""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass

import psycopg
from psycopg.conninfo import make_conninfo

from sqlmigrate.errors import NOTHING_EXECUTED_BY_THIS_RUN, LockError, ServerError, SqlmigrateError

from .connect_errors import reason
from .pooler_messages import cure_of
from .server import Server
from .session import ON_PRIMARY, Request, Session

# A pooler may have several processes, each with sessions of its own: each new connection may come to another of them.
_CONNECTIONS = 5
_PROBES = 2
_PROBE_SECONDS = 2


def require_transactions(session: Session) -> None:
    """Raise `ServerError` if the pooler lets no transaction stay open: then nothing can be executed and rolled back.

    PgBouncer in statement mode closes the connection instead. Its message may be lost with it.
    """
    try:
        session.ask(Request("begin"))
        session.ask(Request("rollback"))
    except psycopg.OperationalError as error:
        raise ServerError(
            "the pooler in between has closed the connection, because a transaction was open",
            detail=[reason(error)],
            state=NOTHING_EXECUTED_BY_THIS_RUN,
            hint=cure_of("statement pooling mode"),
        ) from None


@dataclass(frozen=True)
class Sharing:
    """Whether a pooler gives our server process to other clients while we have no open transaction.

    Attributes:
        is_shared: True if that was seen, or if it is not known.
        unknown: Why it is not known; empty if it is.
    """

    is_shared: bool
    unknown: str = ""


def sharing(session: Session, server: Server) -> Sharing:
    """Find out whether the pooler shares sessions.

    Further connections open transactions. If the pooler shares sessions, one of them gets our server process, or we get
    another one. Where the pooler or the server lets no further connection in, it is not known: the pool may be full of
    other clients.
    """
    try:
        return Sharing(any(_is_seen(session, str(server.pid)) for _ in range(_CONNECTIONS)))
    except (SqlmigrateError, psycopg.OperationalError) as error:
        if not session.is_usable:
            raise
        return Sharing(is_shared=True, unknown=reason(error))


def _is_seen(session: Session, pid: str) -> bool:
    with closing(Session(make_conninfo(session.url, connect_timeout=_PROBE_SECONDS))) as probe:
        return any(_is_shared(session, probe, pid) for _ in range(_PROBES))


def _is_shared(session: Session, probe: Session, pid: str) -> bool:
    theirs = _process_of(probe)
    (((ours,),),) = session.ask(_PID)
    probe.ask(Request("rollback"))
    return theirs == pid or ours != pid


def _process_of(probe: Session) -> str | None:
    """Begin a transaction and return its server process; raises `LockError` if the pool has none left."""
    _, rows = probe.ask_within([Request("begin"), _PID], _PROBE_SECONDS, LockError("its pool is full"))
    return rows[0][0]


_PID = Request(f"{ON_PRIMARY}select pg_catalog.pg_backend_pid()::text")
