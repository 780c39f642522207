"""Database URLs as other tools write them, and what libpq wants in their place.

libpq takes the parameters of https://www.postgresql.org/docs/current/libpq-connect.html#LIBPQ-PARAMKEYWORDS and no
others. No hint has a value that may be a password.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from urllib.parse import quote, unquote

from .passwords import masked

SSL_MODES = ("disable", "allow", "prefer", "require", "verify-ca", "verify-full")

_POSTGRESQL = "postgresql://USER@HOST/DATABASE"
_ALIASES = ("postgis", "psql", "pgsql", "pg", "pgx", "pgx4", "pgx5", "ecto", "timescale", "timescaledb", "pq")
_OTHERS = ("mysql", "mariadb", "sqlite", "sqlite3", "mssql", "sqlserver", "oracle", "mongodb", "cockroachdb")
_SCHEMES = {name: f"write postgresql:// in place of {name}://" for name in _ALIASES}
_SCHEMES |= dict.fromkeys(_OTHERS, f"this tool is for PostgreSQL alone: {_POSTGRESQL}")

_PREFIX = re.compile(r"\s*(?P<prefix>jdbc|r2dbc|dbi|odbc):(?=\w+:)", re.IGNORECASE)
_SHORT = re.compile(r"\s*(?:pgsql|postgresql|postgres):(?!//)", re.IGNORECASE)
_SEMICOLONS = re.compile(r"\s*(?:host|server|data source)\s*=[^;'\s]*;", re.IGNORECASE)
_SIMPLE = re.compile(r"[\w,$ ]+")

_SCHEMA = ("schema", "search_path", "currentschema", "searchpath")
_SETTINGS = (
    "statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout", "idle_session_timeout",
    "transaction_timeout", "timezone", "role", "datestyle", "default_transaction_read_only", "work_mem",
    "default_transaction_isolation", "intervalstyle", "standard_conforming_strings",
)  # fmt: skip
_OF_POOLS = (
    "pgbouncer", "connection_limit", "pool_timeout", "pool_size", "pool", "max_conns", "min_conns", "pool_max_conns",
    "pool_min_conns", "pool_max_conn_lifetime", "pool_max_conn_idle_time", "max_overflow", "pool_recycle",
    "pool_pre_ping", "connectionlimit", "max_connections", "idle_timeout", "maxpoolsize", "minpoolsize", "pooling",
    "statement_cache_size", "statement_cache_capacity", "prepared_statement_cache_size", "prepared_statements",
    "prepared_statement_name_func", "preparethreshold", "default_query_exec_mode", "description_cache_capacity",
    "uselibpqcompat", "rewritebatchedinserts", "async_fallback", "serverversion", "charset", "sslaccept", "sslidentity",
    "sslfactory", "x-multi-statement", "x-multi-statement-max-size", "x-no-lock", "x-lock-strategy", "x-lock-table",
    "x-force-lock", "x-migrations-table-quoted", "prefer_simple_protocol", "binary_parameters", "sockettimeout",
    "socket_timeout", "reconnect", "wire", "adapter",
)  # fmt: skip
_OTHER_NAMES = {
    "username": "user=", "database": "dbname=", "db": "dbname=", "hostname": "host=", "server": "host=",
    "applicationname": "application_name=", "encoding": "client_encoding=",
    "timeout": "connect_timeout=SECONDS", "logintimeout": "connect_timeout=SECONDS",
    "connection_timeout": "connect_timeout=SECONDS", "connecttimeout": "connect_timeout=SECONDS",
    "targetservertype": "target_session_attrs=read-write", "socket": "host=/FOLDER/OF/THE/SOCKET",
    "unix_sock": "host=/FOLDER/OF/THE/SOCKET", "unix_socket": "host=/FOLDER/OF/THE/SOCKET",
    "sslca": "sslrootcert=FILE", "ssl_ca": "sslrootcert=FILE", "ssl_cert": "sslcert=FILE", "ssl_key": "sslkey=FILE",
    "x-migrations-table": "it is a setting of its own: --table NAME, or SQLMIGRATE_TABLE=NAME",
    "x-statement-timeout": "options=-cstatement_timeout%3DTIME",
}  # fmt: skip


def cure_of_scheme(url: str) -> tuple[str, str] | None:
    """Return what is wrong with the beginning of another tool's URL, and what to write; None if nothing is."""
    if prefix := _PREFIX.match(url):
        name = prefix["prefix"]
        return f"`{name}:` is not part of a URL for libpq", f"leave `{name}:` out: {_POSTGRESQL}"
    if _SHORT.match(url):
        return "after `postgresql:` two slashes are missing", _POSTGRESQL
    if _SEMICOLONS.match(url):
        return "parts of a connection string for libpq are not separated by `;`", "host=HOST dbname=DATABASE user=USER"
    return None


def cure_of_name(scheme: str) -> str | None:
    """Return what to write in place of the scheme of another tool or database; None if it is not known."""
    return _SCHEMES.get(scheme.lower())


def cures(url: str) -> Iterator[tuple[str, str]]:
    """Yield each parameter of a URL that is another tool's, and what to write in its place."""
    shown = masked(url)
    for part in url.partition("?")[2].split("&"):
        name, _, value = part.partition("=")
        is_shown = f"{name}={value}" in shown.partition("?")[2].split("&")
        if cure := _cure(name, unquote(value) if is_shown else ""):
            yield name, cure


def _cure(name: str, value: str) -> str | None:
    known = name.lower()
    if known in _SCHEMA:
        return f"write it as options=-csearch_path%3D{_written(value, 'SCHEMA')}"
    if known in _SETTINGS:
        return f"write it as options=-c{known}%3D{_written(value, 'VALUE')}"
    if known in _OF_POOLS or known.startswith(("pool_", "pgbouncer")):
        return "leave it out: it is for another tool or driver"
    if known == "ssl" and value.lower() != "true":
        return "write it as sslmode=require, or another one of " + ", ".join(SSL_MODES)
    if known in _OTHER_NAMES:
        other = _OTHER_NAMES[known]
        return other if other.startswith("it is") else f"write it as {other}"
    return cure_of_ssl_mode(value) if known == "sslmode" and value and value not in SSL_MODES else None


def cure_of_ssl_mode(value: str) -> str:
    """Return what to write in place of a value of ``sslmode`` that libpq does not know."""
    if value.lower() in SSL_MODES:
        return f"write it in lower case: sslmode={value.lower()}"
    if value.lower() in ("no-verify", "noverify"):
        return "write sslmode=require: it encrypts, and checks no certificate; possible are " + ", ".join(SSL_MODES)
    return "possible are " + ", ".join(SSL_MODES)


def _written(value: str, placeholder: str) -> str:
    return quote(value, safe="") if value and _SIMPLE.fullmatch(value) and " " not in value else placeholder
