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

SOCKETS = Path("/tmp")  # noqa: S108 - short whatever TMPDIR says, and passable for everybody; below it, mkdtemp is private
PATIENCE = 60.0  # seconds; a server that recovers from a crash may need a while


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
        fresh = account.private_folder("new-", self.home)
        locale = ["--locale-provider=builtin", "--builtin-locale=C.UTF-8"] if self.version >= 17 else []  # noqa: PLR2004
        common = ["--username=postgres", "--auth=trust", "--encoding=UTF8", "--locale=C"]
        quiet = ["--no-instructions"] if self.version >= 14 else []  # noqa: PLR2004
        self.run("initdb", f"--pgdata={fresh}", *common, *quiet, *locale, *options)
        fresh.rename(self.data)

    def start(self, settings: Mapping[str, str]) -> None:
        """Start the server and return when it takes connections; leave one that runs as it is."""
        wait_until(lambda: self.is_ready() or not self._is_starting_or_stopping())
        if self.is_ready():
            return
        self._remove_remains()
        sockets = self.private_folder(SOCKETS)
        options = {"listen_addresses": "", "unix_socket_directories": str(sockets), **settings}
        try:
            # what a killed server was doing goes on for a moment, and PostgreSQL rightly refuses until it has ended
            wait_until(lambda: self._launch(options) or "is still in use" not in self._log(), 10)
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
                **account.outside(),
            )
        try:
            wait_until(lambda: self.is_ready() or process.poll() is not None)
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
            if not wait_until(lambda: self.postmaster() is None or not _is_alive(postmaster.pid)):
                os.kill(postmaster.pid, signal.SIGQUIT)
            wait_until(lambda: not _is_alive(postmaster.pid), 0.1)  # a moment; longer where a slow init has to reap it
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
            **account.outside(),
        )
        if done.returncode != 0:
            lines = done.stdout.decode(errors="replace").splitlines()
            raise ServerError(f"{program} of the embedded server failed", detail=lines[-5:])

    def program(self, name: str) -> Path:
        """Say where a program of PostgreSQL lies, where the server's account can run it."""
        return (self.programs or installation(self.version) / "bin") / name

    def _is_starting_or_stopping(self) -> bool:
        return (postmaster := self.postmaster()) is not None and _is_alive(postmaster.pid)

    def _remove_remains(self) -> None:
        """Remove what killed processes have left: data half made, and folders for the socket."""
        for left in self.home.glob("new-*"):
            shutil.rmtree(left, ignore_errors=True)
        self.remove_folders(SOCKETS)

    def private_folder(self, parent: Path) -> Path:
        """Make a folder elsewhere that belongs to this cluster, for the server's account alone."""
        return account.private_folder(self._folders_name(), parent)

    def remove_folders(self, parent: Path) -> None:
        """Remove the folders that killed processes have left elsewhere."""
        for left in parent.glob(f"{self._folders_name()}*"):
            shutil.rmtree(left, ignore_errors=True)

    def _folders_name(self) -> str:
        """Say how the folders elsewhere of this place begin; a copy of the place is another one."""
        place = self.home.stat()
        return f"sqlmigrate-{place.st_dev:x}-{place.st_ino:x}-"


def wait_until(until: Callable[[], bool], seconds: float = PATIENCE) -> bool:
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
