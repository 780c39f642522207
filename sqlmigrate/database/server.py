"""The server: its database, our role there, its version, and whether it can be written to."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import takewhile

import psycopg

from sqlmigrate.errors import NOTHING_CHANGED, NOTHING_EXECUTED, ServerError

from . import synchronous
from .citus import VERSION_COLUMN, Citus, citus_of
from .connect import place_of
from .engines import refuse_version
from .session import Request, Session
from .startup_options import asked_for
from .synchronous import Synchronous


@dataclass(frozen=True)
class Instance:
    """One start of one server: a copy of the server is another instance, and so is the same server after a restart.

    Attributes:
        system: The system identifier: the same for a server and its copies (standbys too).
        started: When the server was started, to the microsecond.
    """

    system: str
    started: str


@dataclass(frozen=True)
class Server:
    """The server and the database at the other end of a session.

    Attributes:
        address: The host and port, or the folder of the socket.
        database: The name of the database.
        user: The role of the session.
        version: The version of the server.
        pid: The server process that executes what we send.
        is_standby: Whether the server is a standby.
        is_read_only: Whether `default_transaction_read_only` is on.
        instance: Which server it is; None if our role may not see it.
        process_started: When the process `pid` was started, to the microsecond; None if our role may not see it.
        asked: The settings that the connection string asks for, each with its value.
        is_direct: Whether we are connected to the server itself, not to a pooler: its process has the number that we
            were told when we connected.
        schema: The schema that files are executed in; None for that of the session's own `search_path`.
        citus: The node of a Citus cluster that it is; None if the database does not have Citus.
        synchronous: The standbys that each COMMIT waits for; None if it waits for none, or that is not known.
    """

    address: str
    database: str
    user: str
    version: str
    pid: int
    is_standby: bool
    is_read_only: bool
    instance: Instance | None = None
    process_started: str | None = None
    asked: tuple[tuple[str, str], ...] = ()
    is_direct: bool = True
    schema: str | None = None
    citus: Citus | None = None
    synchronous: Synchronous | None = None

    @property
    def where(self) -> str:
        """The database and its address, as screens show them."""
        return f"{self.database} at {self.address}"

    @property
    def major(self) -> int:
        """The major version of the server."""
        return int("".join(takewhile(str.isdigit, self.version)))


def exact(time: str) -> str:
    """Return SQL that writes a time as text, to the microsecond, in every session the same."""
    return f"pg_catalog.to_char({time} at time zone 'UTC', 'YYYY-MM-DD HH24:MI:SS.US')"


_SELECT = """\
select current_database(), session_user::text, pg_catalog.current_setting('server_version'),
       pg_catalog.pg_backend_pid()::text, pg_catalog.pg_is_in_recovery()::text,
       pg_catalog.current_setting('default_transaction_read_only'), pg_catalog.version()"""
# https://www.postgresql.org/docs/current/functions-info.html#FUNCTIONS-INFO-CONTROLDATA
OF_INSTANCE = f"""(select system_identifier::text from pg_catalog.pg_control_system()),
       {exact("pg_catalog.pg_postmaster_start_time()")}"""
INSTANCE = Request(f"select {OF_INSTANCE}")
_STARTED = f"(select {exact('backend_start')} from pg_catalog.pg_stat_get_activity(pg_catalog.pg_backend_pid()))"

IDENTITY = Request(
    f"{_SELECT},\n       {OF_INSTANCE},\n       {_STARTED},\n       {VERSION_COLUMN},\n       {synchronous.COLUMN}"
)
# For a role that may not call these functions: an administrator can take the right from everybody.
IDENTITY_IN_PART = Request(f"{_SELECT}, null, null, null,\n       {VERSION_COLUMN}, null")


def server_of(session: Session, rows: list[list[str | None]]) -> Server:
    """Return the `Server` from the answer to `IDENTITY` or `IDENTITY_IN_PART`.

    Raises `ServerError` if it is not PostgreSQL.
    """
    database, user, version, pid, standby, read_only, full_version = (value or "" for value in rows[0][:7])
    place = place_of(session.conn)
    refuse_version(place, full_version)
    return Server(
        place,
        database,
        user,
        version,
        int(pid),
        standby == "true",
        read_only == "on",
        instance_in(rows[0][7:9]),
        rows[0][9],
        asked_settings(session),
        is_direct=session.pid == int(pid),
        schema=session.schema,
        citus=citus_of(rows[0][10]),
        synchronous=synchronous.synchronous_of(rows[0][11]),
    )


def refuse_stranger(session: Session) -> None:
    """Raise `ServerError` if the server, which has refused a request of ours, is not PostgreSQL.

    It takes a round trip. If the connection is lost, or this is refused as well, nothing is raised.
    """
    with suppress(psycopg.Error):
        session.abort()
        (((version,),),) = session.ask(Request("select version()"))
        refuse_version(place_of(session.conn), version or "")


def asked_settings(session: Session) -> tuple[tuple[str, str], ...]:
    """Return the settings that hold for this session; a schema replaces the `search_path` that was asked for."""
    asked = asked_for(session.conn.info.options).items()
    return tuple(each for each in asked if session.schema is None or each[0] != "search_path")


def instance_in(row: Sequence[str | None]) -> Instance | None:
    """Return which server it is, from a row of the answer to `INSTANCE`."""
    system, started = row
    return Instance(system, started) if system and started else None


def on_worker(server: Server) -> ServerError:
    """Make the error for a worker of a Citus cluster: it has neither the history nor the right to change the schema."""
    coordinator = server.citus.coordinator if server.citus else ""
    return ServerError(
        f"{server.where} is a worker of a Citus cluster; migrations are executed on the coordinator",
        state=NOTHING_CHANGED,
        hint=f"connect to the coordinator{f', {coordinator}' if coordinator else ''}",
    )


def require_writable(server: Server) -> None:
    """Raise `ServerError` if the database cannot be written to: a standby, a worker of Citus, read-only by default."""
    if server.citus and server.citus.is_worker:
        raise on_worker(server)
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
