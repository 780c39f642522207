"""What the server is: database, role, version, standby or read-only."""

from __future__ import annotations

from dataclasses import dataclass

from sqlmigrate.errors import NOTHING_CHANGED, NOTHING_EXECUTED, ServerError

from .connect import place_of
from .session import Request, Session


@dataclass(frozen=True)
class Server:
    """What is at the other end: `where` is the database and its place, for the head of a screen."""

    where: str
    database: str
    user: str
    version: str
    pid: int
    is_standby: bool
    is_read_only: bool


IDENTITY = Request(
    """\
select current_database(), session_user::text, pg_catalog.current_setting('server_version'),
       pg_catalog.pg_backend_pid()::text, pg_catalog.pg_is_in_recovery()::text,
       pg_catalog.current_setting('default_transaction_read_only')"""
)


def server_of(session: Session, rows: list[list[str | None]]) -> Server:
    """Make a `Server` of the answer to `IDENTITY`."""
    database, user, version, pid, standby, read_only = (value or "" for value in rows[0])
    return Server(
        f"{database} at {place_of(session.conn)}",
        database,
        user,
        version,
        int(pid),
        standby == "true",
        read_only == "on",
    )


def require_writable(server: Server) -> None:
    """Raise `ServerError` where nothing can be written: a standby, a database that is read-only by default."""
    if server.is_standby:
        raise ServerError(
            f"{server.where} is a standby: it can only be read",
            state=NOTHING_CHANGED,
            hint="connect to the primary; with several hosts in the URL: target_session_attrs=read-write",
        )
    if server.is_read_only:
        raise ServerError(
            f"{server.where} is read-only: default_transaction_read_only is on",
            state=NOTHING_CHANGED,
            hint=f'set for this role, database or server: alter database "{server.database}" '
            "reset default_transaction_read_only",
        )


def require_standard_strings(session: Session) -> None:
    """Raise `ServerError` where a backslash in ``'…'`` would be an escape: files are cut as the standard has it.

    https://www.postgresql.org/docs/current/runtime-config-compatible.html#GUC-STANDARD-CONFORMING-STRINGS
    """
    if session.conn.info.parameter_status("standard_conforming_strings") == "off":
        raise ServerError(
            "standard_conforming_strings is off: a backslash in quotes would mean something else",
            state=NOTHING_EXECUTED,
            hint="set it on for this role, database or server; E'…' has escapes everywhere",
        )
