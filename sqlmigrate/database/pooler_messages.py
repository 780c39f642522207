"""What poolers say in place of the server, and the likely cure.

The words are those of PgBouncer (https://www.pgbouncer.org/config.html), Odyssey, PgCat, Supavisor, and the proxies of
cloud providers. Each entry has a part of the message.
"""

from __future__ import annotations

CONNECT_DIRECTLY = "connect to the server directly, not through the pooler: another host or port"
_DIRECTLY = "connect to the server directly (another host or port)"
_OPTIONS = (
    f"what `options` of the URL or PGOPTIONS ask for: {_DIRECTLY}, or set it for a role that is used for this alone"
)
_NOT_IGNORED = f"a pooler in between refuses {_OPTIONS}; do not let it ignore them"
_REFUSED = f"a proxy in between refuses {_OPTIONS}"
_STATEMENTS = f"the pooler runs statement by statement, so no transaction is possible: {_DIRECTLY}"
_FULL = f"the pooler has no room for another connection: try again later, or {_DIRECTLY}"
_WAITED = f"the pooler had no free connection to the server in time, or is paused: try again later, or {_DIRECTLY}"
_NO_SERVER = f"the pooler cannot reach the server, or has no free connection to it: try again later, or {_DIRECTLY}"
_NO_DATABASE = "the pooler does not know that database: check the name, or add it to the pooler's settings"
_NO_USER = "the pooler does not know that user: check the name, or add it to the pooler's list of users"
_NO_TENANT = "the proxy does not know that user: some proxies want the name of the project in it: user.project"
_NO_ROUTE = "the pooler has no pool for that database and user: check both names, or its settings"
_DISABLED = f"the pooler refuses all connections to that database at the moment: try again later, or {_DIRECTLY}"
_TOO_LONG = f"the pooler ended the statement (query_timeout): raise that setting, or {_DIRECTLY}"
_TOO_IDLE = f"the pooler ended the session (its idle timeout): raise that setting, or {_DIRECTLY}"

CURES = (
    ("statement pooling mode", _STATEMENTS),
    ("unsupported startup parameter", _NOT_IGNORED),
    ("command-line options", _REFUSED),
    ("no more connections allowed", _FULL),
    ("max_client_conn", _FULL),
    ("max client connections reached", _FULL),
    ("max clients reached", _FULL),
    ("client connections limit", _FULL),
    ("query_wait_timeout", _WAITED),
    ("server_login_retry", _NO_SERVER),
    ("server login has been failing", _NO_SERVER),
    ("server login failed", _NO_SERVER),
    ("client_login_timeout", _NO_SERVER),
    ("could not get connection from the pool", _NO_SERVER),
    ("allserversdown", _NO_SERVER),
    ("failed to get remote server", _NO_SERVER),
    ("failed to connect to remote server", _NO_SERVER),
    ("no such database", _NO_DATABASE),
    ("no such user", _NO_USER),
    ("tenant or user not found", _NO_TENANT),
    ("route for", _NO_ROUTE),
    ("no pool configured", _NO_ROUTE),
    ("database is disabled", _DISABLED),
    ("query_timeout", _TOO_LONG),
    ("query timeout", _TOO_LONG),
    ("idle transaction timeout", _TOO_IDLE),
    ("client_idle_timeout", _TOO_IDLE),
)


def cure_of(message: str) -> str | None:
    """Return what to do about a message of a pooler; None if no pooler says it."""
    said = message.lower()
    return next((cure for words, cure in CURES if words in said), None)
