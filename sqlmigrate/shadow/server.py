"""The server of the shadow databases: how to connect to it, and as which role."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field

import psycopg
from psycopg.conninfo import make_conninfo

from sqlmigrate.database.session import Request, Session
from sqlmigrate.identifiers import quoted

STATEMENT_TIMEOUT = "60s"

EMBEDDED = "embedded"  # how the label of our own server ends, if its programs came with this package
BASE, FRESH, RUN = "sqlmigrate_base_", "sqlmigrate_new_", "sqlmigrate_run_"
# On our own server: the name of a database that is built or cloned, if no database has this name yet.
FIRST = f"{RUN}first"

_LEFT = f"""\
select datname::text from pg_catalog.pg_database
 where datname like '{FRESH}%' or datname like '{RUN}%'
    or $1::bool and datname not in ('postgres', 'template0', 'template1') and datname not like '{BASE}%'"""

_LOGIN_TRIGGERS = 170000  # https://www.postgresql.org/docs/17/event-trigger-definition.html

PINNED = "-c search_path=pg_catalog -c statement_timeout=0 -c lock_timeout=0"


@dataclass(frozen=True)
class Place:
    """A server and its roles.

    Attributes:
        label: product, version and origin, as the report shows them
        admin: the role that creates databases
        owner: the role that executes migrations
        watcher: the role that watches them
        urls: how each role connects
        is_superuser: whether `admin` is a superuser
        version: the version of the server, as 180004
        is_ours: whether we started the server, and nothing else uses it
        base_roles: the roles of the unused server, as `roles.read` returned them, in JSON
        tablespace: where clones are created
    """

    label: str
    admin: str
    owner: str
    watcher: str
    urls: Mapping[str, str] = field(repr=False)
    is_superuser: bool = False
    version: int = 0
    is_ours: bool = False
    base_roles: str = "{}"
    tablespace: str = "pg_default"

    def url(self, role: str, database: str = "") -> str:
        """Return the URL of a database for a role; without a name that of `--shadow-url`."""
        named = {"dbname": database} if database else {}
        pinned = {"options": self._pinned(role)} if role != self.owner else {}
        return make_conninfo(self.urls[role], **named, **pinned)

    def _pinned(self, role: str) -> str:
        """Return the settings of a role that executes no migrations: their triggers on logging in are not for it."""
        is_strong = self.is_superuser and role == self.admin
        return f"{PINNED} -c event_triggers=off" if is_strong and self.version >= _LOGIN_TRIGGERS else PINNED


def tidy(admin: Session, *, is_ours: bool) -> None:
    """Drop the databases that interrupted reviews have left; on our own server all but the templates."""
    for (name,) in admin.ask(Request(_LEFT, (str(is_ours).lower(),)))[0]:
        admin.ask(Request(f"drop database if exists {quoted(name or '')} with (force)"))


def try_all(admin: Session, *statements: str) -> bool:
    """Execute statements in one turn; return whether all succeeded."""
    try:
        admin.ask(*map(Request, statements))
    except psycopg.Error:
        with suppress(psycopg.Error):
            admin.abort()
        return False
    return True


def described(admin: Session) -> str:
    """Return the product and version of the server."""
    return f"PostgreSQL {admin.conn.info.parameter_status('server_version') or ''}".split(" (", maxsplit=1)[0]
