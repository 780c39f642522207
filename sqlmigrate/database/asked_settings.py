"""The settings that the connection string asks for, compared with those that hold in the session.

The setting ``options`` of a URL, PGOPTIONS and a service file can ask for a ``search_path``, a ``role``, a timeout. A
pooler may drop them without a word (PgBouncer: ``ignore_startup_parameters = options``), and files would then be
executed in another schema, or as another role.
https://www.postgresql.org/docs/current/libpq-connect.html#LIBPQ-CONNECT-OPTIONS
"""

from __future__ import annotations

import re

import psycopg

from sqlmigrate.errors import NOTHING_EXECUTED, ServerError
from sqlmigrate.identifiers import quoted

from .pooler_messages import CONNECT_DIRECTLY
from .server import Server, asked_settings
from .session import Request, Session

_OURS = ("client_encoding", "idle_session_timeout")  # we set these ourselves
_SCHEMA_NAME = re.compile(r'"([a-z_][a-z0-9_]*)"')


def request(session: Session) -> tuple[Request, ...]:
    """Give what asks for the values that hold; nothing is asked if the connection string asks for no setting."""
    asked = dict(asked_settings(session))
    if not asked:
        return ()
    values = ", ".join(f"pg_catalog.current_setting(${number}, true)" for number in range(1, len(asked) + 1))
    return (Request(f"select {values}", tuple(asked)),)


def require(session: Session, server: Server, rows: list[list[str | None]]) -> None:
    """Raise `ServerError` if a setting does not hold that was asked for; `rows` is the answer to `request`.

    If a value is only written in another way, the server says so: that costs a round trip.
    """
    for (name, asked), value in zip(server.asked, rows[0], strict=True):
        if name in _OURS or _normal(name, asked) == _normal(name, value):
            continue
        as_server_writes = _as_server_writes(session, name, asked)
        if as_server_writes is None and session.pid == server.pid and value is not None:
            continue  # the server itself has read the options when we connected
        if as_server_writes is None or _normal(name, as_server_writes) != _normal(name, value):
            raise _dropped(server, name, asked, value)


def _normal(name: str, value: str | None) -> str | None:
    if value is None or name != "search_path":
        return value
    return ",".join(_SCHEMA_NAME.sub(r"\1", part.strip()) for part in value.split(","))


def _as_server_writes(session: Session, name: str, value: str) -> str | None:
    """Return a value as the server writes it: ``5s`` for ``5000``; None if it cannot be set now."""
    setting = Request("select pg_catalog.set_config($1, $2, true)", (name, value))
    try:
        _, (row,), _ = session.ask(Request("begin read only"), setting, Request("rollback"))
    except psycopg.Error:
        session.abort()  # raises if the connection is lost
        return None
    return row[0]


def _dropped(server: Server, name: str, asked: str, value: str | None) -> ServerError:
    is_public = "." not in name  # the setting of an application may be a secret
    compared = (
        f"was asked for as {asked}, and is {value or 'empty'}" if is_public else "was asked for with another value"
    )
    if value is None:
        compared = "was asked for, and is not set"
    setting = f"alter role ROLE in database {quoted(server.database)} set {name} = …;"
    return ServerError(
        f"{name} {compared}: a pooler in between has most likely dropped it",
        detail=["it was asked for in `options` of the URL, in PGOPTIONS or in the service file"],
        state=NOTHING_EXECUTED,
        hint=CONNECT_DIRECTLY,
        next_steps=[f"or, for a role that is used for this alone: {setting}"],
    )
