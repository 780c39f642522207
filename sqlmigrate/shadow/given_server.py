"""The shadow server that the user names with `--shadow-url`."""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager

from psycopg.conninfo import make_conninfo

from sqlmigrate.config.passwords import masked
from sqlmigrate.database.session import Request, Session
from sqlmigrate.errors import ConfigError, ConnectError, LockError
from sqlmigrate.identifiers import quoted

from .roles import OWNER
from .server import STATEMENT_TIMEOUT, Place, described, tidy, try_all

PATIENCE = 600.0  # seconds to wait for another review on a server of --shadow-url

_LOCK = "7310029131848203886"


@contextmanager
def foreign(url: str) -> Iterator[tuple[Place, Session]]:
    """Use the server of `--shadow-url` while the block lasts; other reviews on it wait."""
    admin = Session(url)
    try:
        user, is_super, makes_roles = _rights(admin, url)
        _wait_for_turn(admin, url)
        owner_url = _owner_url(admin, url, user, is_super=is_super) if is_super or makes_roles else None
        tidy(admin, is_ours=False)
        product, version = described(admin), admin.conn.info.server_version
        if owner_url:
            urls = {user: url, OWNER: owner_url}
            label = f"{product}, of --shadow-url"
            yield Place(label, user, OWNER, user, urls, is_superuser=is_super, version=version), admin
        else:
            warning = ", a superuser: a hostile file can do anything on that server" if is_super else ""
            label = f"{product}, of --shadow-url, as its role {user}{warning}"
            yield Place(label, user, user, user, {user: url}, is_superuser=is_super, version=version), admin
    finally:
        try_all(admin, f"alter role {OWNER} nologin password null")
        admin.close()


def _rights(admin: Session, url: str) -> tuple[str, bool, bool]:
    asked = "select rolname::text, rolsuper::text, rolcreatedb::text, rolcreaterole::text"
    rows = admin.ask(Request(f"{asked} from pg_catalog.pg_roles where rolname = current_user"))[0]
    user, is_super, makes_databases, makes_roles = rows[0]
    if "true" not in (is_super, makes_databases):
        raise ConfigError(
            f"the role {user} of --shadow-url {masked(url)} may not create databases",
            hint="let it create databases, or name another server",
            next_steps=[f"psql: alter role {quoted(user or '')} createdb;"],
        )
    return user or "", is_super == "true", makes_roles == "true"


def _wait_for_turn(admin: Session, url: str) -> None:
    deadline = time.monotonic() + PATIENCE
    taken = Request(f"select pg_catalog.pg_try_advisory_lock({_LOCK})::text")
    while admin.ask(taken)[0][0][0] != "true":
        if time.monotonic() > deadline:
            raise LockError(f"another review is still using --shadow-url {masked(url)} after {PATIENCE:.0f} s")
        time.sleep(0.05)


def _owner_url(admin: Session, url: str, user: str, *, is_super: bool) -> str | None:
    """Create the role that executes migrations, with a password for this review; return None if it cannot connect."""
    password = secrets.token_hex(32)
    there = admin.ask(Request("select 1 from pg_catalog.pg_roles where rolname = $1", (OWNER,)))[0]
    login = f"{OWNER} login nocreatedb nocreaterole password '{password}'"
    requests = [f"{'alter' if there else 'create'} role {login}"]
    requests.append(f"alter role {OWNER} set statement_timeout = '{STATEMENT_TIMEOUT}'")
    requests += [f"alter role {OWNER} nosuperuser noreplication nobypassrls"] if is_super else []
    english = f"alter role {OWNER} set lc_messages = 'C'"  # messages are read; only a superuser may set it
    requests.append(english if is_super else f"grant {OWNER} to {quoted(user)}")
    owner_url = make_conninfo(url, user=OWNER, password=password)
    try:
        if try_all(admin, *requests):
            Session(owner_url).close()
            return owner_url
    except ConnectError:
        pass
    return None
