"""The server: its database, our role there, its version, and whether it can be written to."""

from __future__ import annotations

from dataclasses import dataclass

from sqlmigrate.errors import NOTHING_CHANGED, NOTHING_EXECUTED, ServerError

from .connect import place_of
from .session import Request, Session


@dataclass(frozen=True)
class Server:
    """The server and the database at the other end of a session.

    Attributes:
        where: The database and its address, as screens show them.
        database: The name of the database.
        user: The role of the session.
        version: The version of the server.
        pid: The server process that executes what we send.
        is_standby: Whether the server is a standby.
        is_read_only: Whether `default_transaction_read_only` is on.
    """

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
    """Return the `Server` from the answer to `IDENTITY`."""
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
    """Raise `ServerError` if the database cannot be written to: on a standby, or if it is read-only by default."""
    if server.is_standby:
        raise ServerError(
            f"{server.where} is a standby, and a standby is read-only",
            state=NOTHING_CHANGED,
            hint="connect to the primary; with several hosts in the URL: target_session_attrs=read-write",
        )
    if server.is_read_only:
        raise ServerError(
            f"{server.where} is read-only: default_transaction_read_only is on",
            state=NOTHING_CHANGED,
            hint=f'it is set for this role, database or server, for example: alter database "{server.database}" '
            "reset default_transaction_read_only",
        )


def require_standard_strings(session: Session) -> None:
    """Raise `ServerError` if a backslash in ``'…'`` is an escape: we split files as the SQL standard says.

    https://www.postgresql.org/docs/current/runtime-config-compatible.html#GUC-STANDARD-CONFORMING-STRINGS
    """
    if session.conn.info.parameter_status("standard_conforming_strings") == "off":
        raise ServerError(
            "standard_conforming_strings is off, so the server would read a backslash in quotes as an escape",
            state=NOTHING_EXECUTED,
            hint="turn it on for this role, database or server; in files, write E'…' for a string with escapes",
        )
