"""How far a standby is behind its primary: what is read there may not be true of the primary any more."""

from __future__ import annotations

from psycopg import errors as pg

from sqlmigrate.errors import NOTHING_CHANGED, ServerError
from sqlmigrate.times import duration

from .server import Server
from .session import Request, Session

# https://www.postgresql.org/docs/current/functions-admin.html#FUNCTIONS-RECOVERY-CONTROL
_BEHIND = Request("""\
select extract(epoch from pg_catalog.clock_timestamp() - pg_catalog.pg_last_xact_replay_timestamp())::bigint::text,
       pg_catalog.pg_is_wal_replay_paused()::text,
       (exists (select from pg_catalog.pg_stat_wal_receiver))::text""")


def behind(session: Session) -> str:
    """Say how far the standby of a session is behind its primary, in one round trip.

    A standby does not know what its primary has done since. So it is said how old the last change is that it has, and
    whether more of them arrive.
    """
    try:
        (((seconds, is_paused, is_receiving),),) = session.ask(_BEHIND)
    except pg.Error:
        session.abort()
        return "how far is not known"
    said = [f"its last change is {duration(int(seconds))} old" if seconds else "when it changed last is not known"]
    said += ["its replay is paused"] if is_paused == "true" else []
    said += ["it receives nothing from its primary now"] if is_receiving == "false" else []
    return ", ".join(said)


def require_primary(session: Session, server: Server) -> None:
    """Raise `ServerError` on a standby, for a run that finds nothing to do: the primary may be further, or behind."""
    if not server.is_standby:
        return
    raise ServerError(
        f"{server.where} is a standby: nothing is to be done by its history, but it may be behind its primary",
        detail=[behind(session)],
        state=NOTHING_CHANGED,
        hint="connect to the primary; with several hosts in the URL: target_session_attrs=read-write",
    )
