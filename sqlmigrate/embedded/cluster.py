"""One data directory and its server process."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote

from sqlmigrate.errors import ConfigError, ServerError

from . import account
from .programs import installation

SOCKETS = Path("/tmp")  # noqa: S108 - always short, and every account may enter it; the folders in it are private
PATIENCE = 60.0  # seconds; a server that recovers from a crash may need a while


class Postmaster(NamedTuple):
    """What a server writes about itself in `postmaster.pid`."""

    pid: int
    port: int
    sockets: Path
    is_ready: bool


@dataclass(frozen=True)
class Cluster:
    """One data directory and the server on it. Its callers make sure that only one process starts or stops it.

    Attributes:
        home: the folder that contains the data directory.
        version: PostgreSQL's major version.
        programs: the folder with the programs; None for those of the package.
    """

    home: Path
    version: int = 18
    programs: Path | None = None

    @property
    def data(self) -> Path:
        """The data directory."""
        return self.home / "data"

    def check_version(self) -> None:
        """Raise `ConfigError` if the data directory was made by another version."""
        found = self.data / "PG_VERSION"
        if found.exists() and (version := found.read_text().strip()) != str(self.version):
            raise ConfigError(
                f"the embedded database was made by PostgreSQL {version}, not {self.version}",
                detail=[f"it is in {self.home}"],
                hint=f"use that version, or delete the folder and its data: rm -r '{self.home}'",
            )

    def create(self, *options: str) -> None:
        """Make the data directory, in UTF-8 and with the same sort order on every machine; all of it or nothing."""
        fresh = account.make_private_folder("new-", self.home)
        locale = ["--locale-provider=builtin", "--builtin-locale=C.UTF-8"] if self.version >= 17 else []  # noqa: PLR2004
        common = ["--username=postgres", "--auth=trust", "--encoding=UTF8", "--locale=C"]
        quiet = ["--no-instructions"] if self.version >= 14 else []  # noqa: PLR2004
        self.run("initdb", f"--pgdata={fresh}", *common, *quiet, *locale, *options)
        fresh.rename(self.data)

    def start(self, settings: Mapping[str, str]) -> None:
        """Start the server, unless it is running, and return when it accepts connections."""
        wait_until(lambda: self.is_ready() or not self._is_starting_or_stopping())
        if self.is_ready():
            return
        self._remove_remains()
        sockets = self.private_folder(SOCKETS)
        options = {"listen_addresses": "", "unix_socket_directories": str(sockets), **settings}
        try:
            # sessions of a killed server go on for a moment, and PostgreSQL refuses to start until they have ended
            wait_until(lambda: self._launch(options) or "is still in use" not in self._log(), 10)
            self._check_start()
        except BaseException:
            shutil.rmtree(sockets, ignore_errors=True)
            raise

    def _launch(self, options: Mapping[str, str]) -> bool:
        """Start the server, and tell whether it accepts connections."""
        path = self.home / "log"
        path.unlink(missing_ok=True)
        path.touch(mode=0o600)  # it contains failed statements
        with path.open("wb") as log:
            process = subprocess.Popen(  # noqa: S603 - a program of ours, no shell
                [self.program("postgres"), "-D", self.data, *(f"--{name}={value}" for name, value in options.items())],
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # Ctrl-C is not for the server: it is stopped when its users are gone
                **account.process_options(),
            )
        try:
            wait_until(lambda: self.is_ready() or process.poll() is not None)
        finally:
            if not (is_ready := self.is_ready()):
                process.send_signal(signal.SIGQUIT)
                process.wait()
        # It leaves no zombie, even if another process stops it.
        threading.Thread(target=process.wait, daemon=True).start()
        return is_ready

    def _log(self) -> str:
        return (self.home / "log").read_text(errors="replace")

    def _check_start(self) -> None:
        if not self.is_ready():
            raise ServerError(
                "the embedded server does not start",
                detail=self._log().splitlines()[-5:],
                hint=f"its log is {self.home / 'log'}",
            )

    def stop(self) -> None:
        """Disconnect all sessions, write everything to disk, and return when the server has ended."""
        if (postmaster := self.postmaster()) is None or not self.is_ready():
            return
        with suppress(ProcessLookupError):
            os.kill(postmaster.pid, signal.SIGINT)
            if not wait_until(lambda: self.postmaster() is None or not _is_alive(postmaster.pid)):
                os.kill(postmaster.pid, signal.SIGQUIT)
            wait_until(lambda: not _is_alive(postmaster.pid), 0.1)  # it may take longer if a slow init has to reap it
        shutil.rmtree(postmaster.sockets, ignore_errors=True)

    def url(self, database: str = "postgres", user: str = "postgres") -> str:
        """Return the URL of the running server; raises `ServerError` if it has ended."""
        if (postmaster := self.postmaster()) is None:
            raise ServerError(f"the embedded server has ended: {self.home}")
        host = quote(str(postmaster.sockets), safe="")
        return f"postgresql://{quote(user)}@/{quote(database, safe='')}?host={host}&port={postmaster.port}"

    def is_ready(self) -> bool:
        """Tell whether the server accepts connections: its file says so, and its socket answers."""
        if (postmaster := self.postmaster()) is None or not postmaster.is_ready:
            return False
        with socket.socket(socket.AF_UNIX) as client, suppress(OSError):
            client.settimeout(1)
            client.connect(str(postmaster.sockets / f".s.PGSQL.{postmaster.port}"))
            return True
        return False

    def postmaster(self) -> Postmaster | None:
        """Read what the server writes about itself; None if there is no such file, or only a copied one."""
        try:
            lines = os.fsdecode((self.data / "postmaster.pid").read_bytes()).split("\n")
            pid, data, _, port, sockets, _, _, status = (line.strip() for line in (lines + [""] * 8)[:8])
            found = Postmaster(int(pid), int(port), Path(sockets), status == "ready")
        except (OSError, ValueError):  # missing, or being written
            return None
        return found if data == str(self.data) else None

    def run(self, program: str, *arguments: str) -> None:
        """Run one of PostgreSQL's programs to its end; raises `ServerError` if it fails."""
        done = subprocess.run(  # noqa: S603 - a program of ours, no shell
            [self.program(program), *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            check=False,
            **account.process_options(),
        )
        if done.returncode != 0:
            lines = done.stdout.decode(errors="replace").splitlines()
            raise ServerError(f"{program} of the embedded server failed", detail=lines[-5:])

    def program(self, name: str) -> Path:
        """Return the path of a program that the server's account can run."""
        return (self.programs or installation(self.version) / "bin") / name

    def _is_starting_or_stopping(self) -> bool:
        return (postmaster := self.postmaster()) is not None and _is_alive(postmaster.pid)

    def _remove_remains(self) -> None:
        """Remove what killed processes have left: unfinished data directories, and folders of sockets."""
        for left in self.home.glob("new-*"):
            shutil.rmtree(left, ignore_errors=True)
        self.remove_folders(SOCKETS)

    def private_folder(self, parent: Path) -> Path:
        """Make a folder in `parent` that belongs to this cluster and that only the server's account may enter."""
        return account.make_private_folder(self._folders_name(), parent)

    def remove_folders(self, parent: Path) -> None:
        """Remove the folders in `parent` that killed processes of this cluster have left."""
        for left in parent.glob(f"{self._folders_name()}*"):
            shutil.rmtree(left, ignore_errors=True)

    def _folders_name(self) -> str:
        """Return how the names of this cluster's folders begin; a copy of `home` has another name."""
        place = self.home.stat()
        return f"sqlmigrate-{place.st_dev:x}-{place.st_ino:x}-"


def wait_until(until: Callable[[], bool], seconds: float = PATIENCE) -> bool:
    """Wait until a condition is true, for at most so many seconds; tells whether it became true."""
    deadline = time.monotonic() + seconds
    while not (reached := until()) and time.monotonic() < deadline:
        time.sleep(0.005)
    return reached


def _is_alive(pid: int) -> bool:
    """Tell whether a process runs that may be our server; after a restart of the machine a pid may be another's."""
    try:
        os.kill(pid, 0)
        return Path(f"/proc/{pid}/comm").read_text() == "postgres\n"
    except (ProcessLookupError, PermissionError):
        return False
    except FileNotFoundError:  # it has just ended, unless this machine has no /proc
        return not Path("/proc/self").exists()
