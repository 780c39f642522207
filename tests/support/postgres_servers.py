"""PostgreSQL servers for the tests: made in one folder a session, stopped and deleted at its end.

A session that is killed leaves servers behind. The next session finds that the lock of their folder is free, stops
them and deletes the folder. In memory, where there is room, a fresh database takes 10 ms; on a busy disk 30 to 300.
"""

from __future__ import annotations

import fcntl
import random
import shutil
import socket
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any
from urllib.parse import quote

import children
import psycopg
from psycopg import sql
from waiting import until

from sqlmigrate.embedded import account
from sqlmigrate.embedded.cluster import Cluster
from sqlmigrate.embedded.programs import PROGRAMS
from sqlmigrate.embedded.server import UNSAFE

PASSWORD = "Planted-Secret-42"
PREFIX = "sqlmigrate tests "  # every server of the tests lives with a space in its path
MEMORY, DISK = Path("/dev/shm"), Path("/tmp")  # any account passes through both
# Autovacuum moves rows, and tests compare dumps byte by byte. A standby that falls behind has to find the WAL.
QUIET = {"autovacuum": "off", "wal_keep_size": "256MB"}
# All tests of a process share the primary: what its transactions have locked is locked here at once.
_OF_STANDBYS = {"max_locks_per_transaction": "1024"}
ROOM = 2 * 1024**3
FILE_COPY = 15  # the first version that can be told so; those before always copy files


@dataclass(frozen=True)
class Server:
    """A running server: its version, where its databases are, and fresh ones."""

    cluster: Cluster
    admin: psycopg.Connection[Any]
    _numbers: Iterator[int] = field(default_factory=count, repr=False, kw_only=True)

    @property
    def version(self) -> int:
        return self.cluster.version

    def url(self, database: str = "postgres", user: str = "postgres") -> str:
        return self.cluster.url(database, user)

    @contextmanager
    def database(self, owner: str = "postgres") -> Iterator[str]:
        """Make an empty database, yield its URL, and drop it, even if sessions are still connected."""
        name = f"test_{next(self._numbers)}"
        strategy = sql.SQL("strategy file_copy" if self.version >= FILE_COPY else "")
        make = sql.SQL("create database {} owner {} template template0 {}")
        drop = sql.SQL("drop database if exists {} with (force)")
        self.admin.execute(make.format(sql.Identifier(name), sql.Identifier(owner), strategy))
        try:
            yield self.url(name)
        finally:
            self.admin.execute(drop.format(sql.Identifier(name)))


@dataclass(frozen=True)
class PasswordServer(Server):
    """A server that also listens on 127.0.0.1, where the role `app` needs its password."""

    password: str = PASSWORD

    @property
    def port(self) -> int:
        postmaster = self.cluster.postmaster()
        assert postmaster is not None
        return postmaster.port

    def tcp_url(self, database: str = "app", user: str = "app", password: str = PASSWORD) -> str:
        return f"postgresql://{user}:{quote(password, safe='')}@127.0.0.1:{self.port}/{quote(database, safe='')}"


@dataclass(frozen=True)
class Standby(Server):
    """A hot standby: read-only, and a little behind its primary."""

    primary: Server = field(kw_only=True)

    def url(self, database: str = "postgres", user: str = "postgres") -> str:
        """Return the URL of a database, once the standby has everything that its primary has now."""
        with self.primary.admin.transaction():  # whose commit flushes those before it, which do not wait for the disk
            self.primary.admin.execute("set local synchronous_commit = on")
            self.primary.admin.execute("select pg_logical_emit_message(true, 'tests', '')")
        now = self.primary.admin.execute("select pg_current_wal_flush_lsn()::text").fetchone()
        try:
            self._wait_for(now)
        except psycopg.OperationalError:
            self.start_again()
            self._wait_for(now)
        return super().url(database, user)

    def _wait_for(self, position: tuple[Any, ...] | None) -> None:
        reached = "select pg_last_wal_replay_lsn() >= %s::pg_lsn"
        until(lambda: self.admin.execute(reached, position).fetchone() == (True,))

    def start_again(self) -> None:
        """Start the server again, which has ended by itself, and show why: the tests of others need it too."""
        log = self.cluster.home / "log"
        print(
            "the standby has ended:", log.read_text(errors="replace")[-2000:] if log.exists() else "", file=sys.stderr
        )
        self.admin.close()
        self.cluster.start({**UNSAFE, **QUIET, **_OF_STANDBYS})
        object.__setattr__(self, "admin", psycopg.connect(self.cluster.url(), autocommit=True))


@contextmanager
def session_folder(*, is_on_disk: bool = False) -> Iterator[Path]:
    """Make a folder that the server's account can enter, deleted at the end; delete those of killed sessions.

    It is in memory where there is room, unless it has to be on a disk.
    """
    for left in [*MEMORY.glob(f"{PREFIX}*"), *DISK.glob(f"{PREFIX}*")]:
        with suppress(OSError), (left / "session").open("a") as session:
            fcntl.flock(session, fcntl.LOCK_EX | fcntl.LOCK_NB)
            _delete(left)
    roomy = not is_on_disk and MEMORY.is_dir() and shutil.disk_usage(MEMORY).free > ROOM
    made = Path(tempfile.mkdtemp(prefix=f"new {PREFIX}", dir=MEMORY if roomy else DISK))
    made.chmod(0o711)
    with (made / "session").open("a") as session:
        fcntl.flock(session, fcntl.LOCK_EX)
        folder = made.rename(made.with_name(made.name.removeprefix("new ")))  # locked before other sessions can find it
        try:
            yield folder
        finally:
            _delete(folder)


def delete_private_data(base: Path) -> None:
    """Delete what servers of projects below `base`, out of reach for root's server account, have put in /var/lib."""
    for note in account.PRIVATE.glob("*/folder"):
        if Path(note.read_text().strip()).is_relative_to(base):
            Cluster(note.parent).stop()
            shutil.rmtree(note.parent)


@contextmanager
def server(home: Path, version: int, programs: Path | None = None, **settings: str) -> Iterator[Server]:
    """Run a server on a Unix socket; the programs are the embedded ones, or in the folder that is named."""
    cluster = _made(home, version, programs=programs)
    with _running(cluster, **settings) as admin:
        yield Server(cluster, admin)


@contextmanager
def durable_server(home: Path) -> Iterator[Cluster]:
    """Run a server that may be killed: it waits for the disk, so what is committed stays."""
    cluster = _made(home, 18)
    try:
        cluster.start({})
        yield cluster
    finally:
        cluster.stop()
        shutil.rmtree(home)


@contextmanager
def password_server(home: Path) -> Iterator[PasswordServer]:
    """Run a server that listens on 127.0.0.1 too, where passwords are asked for, with a database and role `app`."""
    cluster = _made(home, 18, "--auth-host=scram-sha-256")
    with _running(cluster, listen_addresses="127.0.0.1", port=str(free_port())) as admin:
        admin.execute(sql.SQL("create role app login password {}").format(PASSWORD))
        admin.execute("create database app owner app")
        yield PasswordServer(cluster, admin)


@contextmanager
def standby(home: Path, primary: Server) -> Iterator[Standby]:
    """Run a hot standby of another server."""
    cluster = Cluster(_folder(home), primary.version)
    copy = account.make_private_folder("new-", home)
    source = ["--dbname", primary.url(), "--write-recovery-conf", "--checkpoint=fast", "--no-sync"]
    cluster.run("pg_basebackup", "--pgdata", str(copy), *source)
    copy.rename(cluster.data)
    with _running(cluster, **_OF_STANDBYS) as admin:
        made = Standby(cluster, admin, primary=primary)
        try:
            yield made
        finally:
            made.admin.close()


def versions() -> list[str]:
    """Return the versions of the embedded servers, as they report them."""
    programs = [Cluster(DISK, version).program("postgres") for version in PROGRAMS]
    told = [children.run([program, "--version"], capture_output=True, text=True) for program in programs]
    return [ended.stdout.split()[2] for ended in told]


def free_port() -> int:
    """Find a free TCP port of 127.0.0.1, below those that the system gives to outgoing connections."""
    while True:
        port = random.randrange(10_000, 32_000)
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port


def _made(home: Path, version: int, *options: str, programs: Path | None = None) -> Cluster:
    cluster = Cluster(_folder(home), version, programs)
    cluster.create("--no-sync", *options)
    return cluster


def _folder(home: Path) -> Path:
    home.mkdir()
    home.chmod(0o711)
    return home


@contextmanager
def _running(cluster: Cluster, **settings: str) -> Iterator[psycopg.Connection[Any]]:
    try:
        cluster.start({**UNSAFE, **QUIET, **settings})
        with psycopg.connect(cluster.url(), autocommit=True) as admin:
            yield admin
    finally:
        cluster.stop()


def _delete(folder: Path) -> None:
    for data in [*folder.glob("*/data"), *folder.glob("*/*/data")]:
        left = Cluster(data.parent)
        left.stop()
        left._remove_remains()
    shutil.rmtree(folder)
