"""What libpq says when there is no way in, as an error of ours: where, why, and the likely cure.

It says a lot, in several lines, some of them every time; and it quotes what it was given, passwords too.
"""

from __future__ import annotations

import re

from psycopg import pq
from psycopg.conninfo import conninfo_to_dict

from sqlmigrate.config.passwords import MASK, masked, redacted, secrets_of
from sqlmigrate.errors import NOTHING_EXECUTED, ConfigError, ConnectError, SqlmigrateError
from sqlmigrate.spelling import did_you_mean

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
_SETTINGS = "what may be set: https://www.postgresql.org/docs/current/libpq-connect.html#LIBPQ-PARAMKEYWORDS"
_SETTING = re.compile(r"invalid |definition of service |syntax error in service file |could not match |bad value ")


def reason(error: Exception) -> str:
    """Give in one line what libpq says, without what it says every time."""
    return _told(str(error))[0]


def _told(text: str) -> list[str]:
    """Give what libpq says, a line for each host and reason, without what it says every time."""
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
    """Make the error of a URL or keywords that libpq does not take; what it quotes of them is masked."""
    said = reason(error)
    shown = masked(url)
    names = re.findall(r'"(\w+)"', said)
    known = [option.keyword.decode() for option in pq.Conninfo.get_defaults()]
    suggestions = [did_you_mean(name, known) for name in names if name not in known]
    quoted_part = r'"(.*)"' if '"' in url else r'"([^"]*)"'  # libpq quotes a quote as it is
    told = re.sub(quoted_part, lambda quoted: quoted[0] if quoted[1] in f"{shown}=" else f'"{MASK}"', said)
    return ConfigError(
        f"the connection string {shown or _VARIABLES} does not parse: {told}",
        state=NOTHING_EXECUTED,
        hint=next(filter(None, suggestions), _SETTINGS),
    )


_CURES = (
    ("password authentication failed", "user and password do not fit: look at the URL, PGPASSWORD or ~/.pgpass"),
    ("no password supplied", "give a password in the URL, in PGPASSWORD or in ~/.pgpass"),
    ("does not exist", "the server answers, but does not know that name: createdb or createuser makes it"),
    ("Connection refused", "no server listens there: is it started, are host and port right?"),
    ("No such file or directory", "no server listens on that socket: is it started, is the folder right?"),
    ("translate host name", "there is no host of that name: is it spelled right?"),
    ("resolve host", "there is no host of that name: is it spelled right?"),
    ("Name or service not known", "there is no host of that name: is it spelled right?"),
    ("timeout expired", "nothing answered in time: is there a firewall between? A longer wait: connect_timeout=30"),
    ("no pg_hba.conf entry", "the server lets nobody in from here as this user: its pg_hba.conf says who may"),
    ("invalid response", "what answers there is no PostgreSQL: is the port right?"),
    ("SSL", "the SSL settings of client and server do not fit: sslmode=… in the URL"),
    ("too many", "the server has no connection left: try again, or raise max_connections"),
    ("not permitted to log in", "alter role … login gives it the right; or connect as another role"),
    ("starting up", "the server is starting: try again in a moment"),
)


def no_way_in(url: str, error: Exception) -> SqlmigrateError:
    """Make the error of a connection that did not come about: of several hosts the last, the others below it."""
    told = _told(redacted(str(error), secrets_of(url)))
    said = told[0]
    if _SETTING.match(said):
        return ConfigError(
            f"the connection cannot be made as it is named: {said}", state=NOTHING_EXECUTED, hint=_SETTINGS
        )
    place = f"{_target(url)}: " if "timeout expired" in said else ""
    hint = next((cure for words, cure in _CURES if words in said), None)
    return ConnectError(f"cannot connect: {place}{said}", detail=told[1:], state=NOTHING_EXECUTED, hint=hint)


def _target(url: str) -> str:
    defaults = {option.keyword.decode(): option.val.decode() for option in pq.Conninfo.get_defaults() if option.val}
    named = {**defaults, **conninfo_to_dict(url)}
    return f"{named.get('host') or 'the socket'}:{named.get('port')}"
