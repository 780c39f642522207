"""Turns libpq's message about a failed connection into our error: where, why, and the likely cure.

libpq's message has several lines, some of them always the same, and it quotes its input, passwords included.
"""

from __future__ import annotations

import re

from psycopg import pq
from psycopg.conninfo import conninfo_to_dict

from sqlmigrate.config.passwords import MASK, masked, redacted, secrets_of
from sqlmigrate.config.url_parts import EMBEDDED
from sqlmigrate.errors import NOTHING_EXECUTED, ConfigError, ConnectError, SqlmigrateError
from sqlmigrate.spelling import did_you_mean

from .pooler_messages import cure_of

# What libpq and psycopg add to every reason, https://www.postgresql.org/docs/current/libpq-connect.html
_CHATTER = (
    "Is the server running",
    "This probably means",
    "before or while processing",
    "Multiple connection attempts",
)
_PREFIX = re.compile(
    r"^(?:- host: .*?, hostaddr: \S+: )?(?:consuming input failed: )?(?:connection (?:failed|is bad): )?"
)
_PLACE = re.compile(
    r'connection to server (?:at "(?P<host>[^"]*)"(?: \([^)]*\))?, port (?P<port>\d+)|on socket "(?P<socket>[^"]*)")'
    r" failed: (?:FATAL:  )?(?P<reason>.*)"
)
_VARIABLES = "in libpq's variables"
_SETTINGS = "the possible settings: https://www.postgresql.org/docs/current/libpq-connect.html#LIBPQ-PARAMKEYWORDS"
_SETTING = re.compile(r"invalid |definition of service |syntax error in service file |could not match |bad value ")


def reason(error: Exception) -> str:
    """Return the reason that libpq gives, as one line, without what it always says."""
    return _told(str(error))[0]


def _told(text: str) -> list[str]:
    """Return the reasons that libpq gives, one line for each host, without what it always says."""
    lines = [_PREFIX.sub("", line.strip()) for line in text.splitlines()]
    told = [line for line in lines if line and not line.startswith(_CHATTER)]
    return list(dict.fromkeys(map(_placed, told))) or ["no reason given"]


def _placed(line: str) -> str:
    place = _PLACE.match(line)
    if not place:
        return line.removeprefix("FATAL:  ")
    where = f"socket {place['socket']}" if place["socket"] else f"{place['host']}:{place['port']}"
    return f"{where}: {place['reason']}"


def not_parsed(url: str, error: Exception) -> ConfigError:
    """Return the error for a URL or keywords that libpq does not accept; what it quotes of them is masked."""
    if url == EMBEDDED:
        return _only_on_the_command_line()
    said = reason(error)
    shown = masked(url)
    names = re.findall(r'"(\w+)"', said)
    known = [option.keyword.decode() for option in pq.Conninfo.get_defaults()]
    suggestions = [did_you_mean(name, known) for name in names if name not in known]
    quoted_part = r'"(.*)"' if '"' in url else r'"([^"]*)"'  # libpq quotes a quote as it is
    told = re.sub(quoted_part, lambda quoted: quoted[0] if quoted[1] in f"{shown}=" else f'"{MASK}"', said)
    return ConfigError(
        f"the connection string {shown or _VARIABLES} is wrong: {told}",
        state=NOTHING_EXECUTED,
        hint=next(filter(None, suggestions), _SETTINGS),
    )


def _only_on_the_command_line() -> ConfigError:
    return ConfigError(
        f"`{EMBEDDED}` is a word of the command line, and this is a call of the library",
        state=NOTHING_EXECUTED,
        hint="give the URL of a database; for the embedded one start its server first",
        next_steps=["from sqlmigrate.embedded.server import server", 'with server(Path(".sqlmigrate")) as url: …'],
    )


_NAMELESS = (
    "this account has no name on this machine, so the name of the role must be given: "
    "postgresql://USER@HOST/DATABASE, or PGUSER"
)
_CURES = (
    ("local user with ID", _NAMELESS),
    ("could not look up local user", _NAMELESS),
    ("password authentication failed", "wrong user or password: check the URL, PGPASSWORD or ~/.pgpass"),
    ("no password supplied", "put the password into the URL, PGPASSWORD or ~/.pgpass"),
    (
        "does not exist",
        "the server has no database or role of that name: check the spelling, or create it with createdb or createuser",
    ),
    ("Connection refused", "no server listens there: check that it runs, and that host and port are right"),
    ("No such file or directory", "no server listens on that socket: check that it runs, and that the folder is right"),
    ("translate host name", "the host name is unknown: check its spelling"),
    ("resolve host", "the host name is unknown: check its spelling"),
    ("Name or service not known", "the host name is unknown: check its spelling"),
    ("timeout expired", "the server did not answer in time: check for a firewall, or wait longer: connect_timeout=30"),
    (
        "no pg_hba.conf entry",
        "the server does not accept this user from this host: add a line for it to its pg_hba.conf",
    ),
    ("invalid response", "the program that answers there is not PostgreSQL: check the port"),
    ("SSL", "the SSL settings of client and server do not match: set sslmode=… in the URL"),
    ("not read-write", "no host of the URL can be written to: connect to the primary"),
    ("session is read-only", "no host of the URL can be written to: connect to the primary"),
    ("hot standby mode", "no host of the URL can be written to: connect to the primary"),
    ("recovery mode", "the server is starting after a crash: try again in a few seconds"),
    ("not yet accepting connections", "the server is starting: try again in a few seconds"),
    ("shutting down", "the server is being stopped: try again when it is back"),
    ("reserved for", "the server has no free connection for this role: try again, or raise max_connections"),
    ("too many", "the server has no free connection: try again, or raise max_connections"),
    ("not permitted to log in", "allow it with `alter role … login`, or connect as another role"),
    ("starting up", "the server is starting: try again in a few seconds"),
)


def no_way_in(url: str, error: Exception) -> SqlmigrateError:
    """Return the error for a failed connection; of several hosts, the others are in its detail."""
    told = _told(redacted(str(error), secrets_of(url)))
    said = told[0]
    if _SETTING.match(said):
        return ConfigError(f"the connection settings are wrong: {said}", state=NOTHING_EXECUTED, hint=_SETTINGS)
    place = f"{_target(url)}: " if "timeout expired" in said else ""
    return ConnectError(f"cannot connect: {place}{said}", detail=told[1:], state=NOTHING_EXECUTED, hint=_cure(said))


def _cure(said: str) -> str | None:
    return cure_of(said) or next((cure for words, cure in _CURES if words in said), None)


def _target(url: str) -> str:
    defaults = {option.keyword.decode(): option.val.decode() for option in pq.Conninfo.get_defaults() if option.val}
    named = {**defaults, **conninfo_to_dict(url)}
    return f"{named.get('host') or 'the socket'}:{named.get('port')}"
