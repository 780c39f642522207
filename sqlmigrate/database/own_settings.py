"""What our session sets for itself: again after each `reset all`, and after each statement that may have changed it.

A file of migrations is UTF-8, and is sent as it is. `set client_encoding = 'LATIN1'`, which pg_dump writes, would have
the server read it as LATIN1.
"""

from __future__ import annotations

from sqlmigrate.identifiers import quoted

from .session import Request, Session

_IDLE_TIMEOUT = "idle_session_timeout"
_OLDEST_WITH_IDLE_TIMEOUT = 14

KEEP_ENCODING = Request("set client_encoding to 'UTF8'", quiet=True)
# For what a run notes in transactions of its own: that a step begins, how far it is, that it has failed. If a
# synchronous standby is gone, such a COMMIT would wait for it, and the run would not end. A failover may lose these
# rows; the row of an executed migration is committed as the user has set it.
# https://www.postgresql.org/docs/current/warm-standby.html#SYNCHRONOUS-REPLICATION
LOCALLY = Request(
    """select pg_catalog.set_config('synchronous_commit', 'local', true)
 where pg_catalog.current_setting('synchronous_commit') not in ('off', 'local')""",
    quiet=True,
)


def keep_waiting(session: Session) -> tuple[Request, ...]:
    """Give what turns `idle_session_timeout` off, if no pooler is between: our pauses between tries are intended.

    https://www.postgresql.org/docs/current/runtime-config-client.html#GUC-IDLE-SESSION-TIMEOUT
    """
    if not _has_idle_timeout(session):
        return ()
    turn_off = (
        f"select pg_catalog.set_config('{_IDLE_TIMEOUT}', '0', false) where pg_catalog.pg_backend_pid() = $1::int"
    )
    return (Request(turn_off, (str(session.pid),), quiet=True),)


def work_in_schema(session: Session) -> tuple[Request, ...]:
    """Give what sets `search_path` to the schema of the session, if it has one and no pooler is between.

    It is a statement, not a startup option: a pooler may drop those. Behind a pooler each transaction sets it for
    itself, because the session belongs to others too.
    """
    if session.schema is None:
        return ()
    setting = "select pg_catalog.set_config('search_path', $1, false) where pg_catalog.pg_backend_pid() = $2::int"
    return (Request(setting, (quoted(session.schema), str(session.pid)), quiet=True),)


def look_in_schema(session: Session) -> tuple[Request, ...]:
    """Give what sets `search_path` to the schema of the session, if it has one, for the transaction that is open."""
    if session.schema is None:
        return ()
    return (Request(f"set local search_path to {quoted(session.schema)}", quiet=True),)


def give_back(session: Session) -> tuple[Request, ...]:
    """Give what undoes our settings in a session that others get after us, from a pooler."""
    ours = [_IDLE_TIMEOUT] if _has_idle_timeout(session) else []
    ours += [] if session.schema is None else ["search_path"]
    return tuple(Request(f"reset {name}", quiet=True) for name in ours)


def _has_idle_timeout(session: Session) -> bool:
    return session.conn.info.server_version >= _OLDEST_WITH_IDLE_TIMEOUT * 10000


def after_reset(version: int, schema: str | None = None, *, is_shared: bool) -> tuple[Request, ...]:
    """Give what is sent after a `reset all` to a server of this major version; `schema` is that of the session.

    A session that a pooler shares (`is_shared`) belongs to others too: how long it may be idle is left alone, and so is
    its `search_path`.
    """
    if is_shared:
        return (KEEP_ENCODING,)
    settings = [] if version < _OLDEST_WITH_IDLE_TIMEOUT else [f"set {_IDLE_TIMEOUT} to 0"]
    settings += [] if schema is None else [f"set search_path to {quoted(schema)}"]
    return (KEEP_ENCODING, *(Request(each, quiet=True) for each in settings))
