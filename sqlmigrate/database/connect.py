"""Opens a psycopg connection with our defaults."""

from __future__ import annotations

from contextlib import suppress

import psycopg
from psycopg import pq
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from sqlmigrate.config.settings import default
from sqlmigrate.errors import NOTHING_CHANGED, ServerError, SqlmigrateError

from . import connect_errors, engines

OLDEST_SERVER = 13
_CONNECT_SECONDS = 10
# While nothing is said, as between two tries for a lock, the kernel asks after 30 s whether the other end is there, and
# gives the connection up 90 s later. By default it asks after two hours: firewalls forget a connection before.
# https://www.postgresql.org/docs/current/libpq-connect.html#LIBPQ-CONNECT-KEEPALIVES
_KEEPALIVES = {"keepalives_idle": 30, "keepalives_interval": 15, "keepalives_count": 6}


def open_connection(url: str) -> psycopg.Connection:
    """Connect to the database that `url` names (or libpq's variables, if it is empty), in autocommit mode.

    Raises `ConfigError` for a URL that libpq does not accept, `ConnectError` if the connection fails, `ServerError` for
    a server that is too old, or not PostgreSQL. No message contains the password.
    """
    try:
        conn = psycopg.connect(make_conninfo(url, **_defaults(url)), autocommit=True, prepare_threshold=None)
    except (psycopg.ProgrammingError, UnicodeError) as error:
        raise connect_errors.not_parsed(url, error) from None
    except psycopg.Error as error:
        raise connect_errors.no_way_in(url, error) from None
    try:
        _require_postgresql(conn)
    except SqlmigrateError:
        conn.close()
        raise
    return conn


def _require_postgresql(conn: psycopg.Connection) -> None:
    place = place_of(conn)
    engines.refuse_parameters(place, conn.info.parameter_status)
    if conn.info.server_version < OLDEST_SERVER * 10000:
        with suppress(psycopg.Error):  # many that are not PostgreSQL say that they are an old one
            row = conn.execute("select version()").fetchone()
            engines.refuse_version(place, str(row[0]) if row else "")
        raise ServerError(
            f"{place} is PostgreSQL {conn.info.parameter_status('server_version')}; "
            f"sqlmigrate needs {OLDEST_SERVER} or newer",
            state=NOTHING_CHANGED,
            hint="upgrade the server, or connect to another one",
        )


def _defaults(url: str) -> dict[str, str | int]:
    named = {*conninfo_to_dict(url), *_in_variables()}
    defaults: dict[str, str | int] = {"client_encoding": "UTF8"}
    if not {"application_name", "fallback_application_name"} & named:
        defaults["fallback_application_name"] = default("application_name")
    if "connect_timeout" not in named:
        defaults["connect_timeout"] = _CONNECT_SECONDS
    # A service file may have any setting: what we name would replace it.
    if not {"keepalives", *_KEEPALIVES, "service"} & named:
        defaults |= _KEEPALIVES
    return defaults


def _in_variables() -> set[str]:
    """Return the settings that libpq takes from its variables: what we name would replace ``PGCONNECT_TIMEOUT``."""
    return {each.keyword.decode() for each in pq.Conninfo.get_defaults() if each.val not in (None, each.compiled)}


def place_of(conn: psycopg.Connection) -> str:
    """Return the host and port of a connection, or the folder of its socket."""
    return f"{conn.info.host}:{conn.info.port}" if not conn.info.host.startswith("/") else f"socket {conn.info.host}"
