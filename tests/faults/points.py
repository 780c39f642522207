"""The points of the sweep, and the servers that they are tried on."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Protocol, Self

import postgres_servers
from pgbouncer import bouncer
from postgres_servers import Server
from psycopg.conninfo import conninfo_to_dict

from sqlmigrate.embedded.cluster import Cluster


@dataclass(frozen=True)
class Point:
    """Where a run is disturbed.

    Attributes:
        kind: The name of the `Kind`.
        how: In which way.
        number: After so many messages, at this event, in this round.
    """

    kind: str
    how: str
    number: int

    @classmethod
    def named(cls, text: str) -> Self:
        kind, how, number = text.split(",")
        return cls(kind, how, int(number))

    def __str__(self) -> str:
        return f"{self.kind},{self.how},{self.number}"


class Site:
    """The servers that points are tried on, each started when it is needed first, and the folders of migrations."""

    def __init__(self, folder: Path, server: Server | None = None) -> None:
        """Take an empty place for a folder, and a server that runs already, if one does."""
        folder.mkdir()
        folder.chmod(0o711)
        self._folder = folder
        self._running = server
        self._ended = ExitStack()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.close()

    @cached_property
    def server(self) -> Server:
        """A server that does not wait for the disk."""
        return self._running or self._ended.enter_context(postgres_servers.server(self._folder / "server", 18))

    @cached_property
    def durable(self) -> Cluster:
        """A server that may be killed, on a disk."""
        folder = self._ended.enter_context(postgres_servers.session_folder(is_on_disk=True))
        return self._ended.enter_context(postgres_servers.durable_server(folder / "durable"))

    @cached_property
    def pool(self) -> str:
        """The URL, without a database, of PgBouncer in transaction mode before `server`; it has room for 20."""
        program = shutil.which("pgbouncer") or shutil.which("pgbouncer", path="/usr/sbin")
        assert program, "this needs PgBouncer: apt-get install pgbouncer"
        return self._ended.enter_context(bouncer(program, self.server, "transaction", "default_pool_size = 20"))

    def pooled(self, url: str) -> str:
        """Give the URL through the pool of a database of `server`."""
        return f"{self.pool}{conninfo_to_dict(url)['dbname']}"

    def written(self, name: str, texts: Mapping[str, str]) -> Path:
        """Give a folder with these migrations: `001_a` is an up file, `001_a.down` a down file."""
        folder = self._folder / name
        if not folder.exists():
            write(folder, texts)
        return folder


def write(folder: Path, texts: Mapping[str, str]) -> None:
    for label, text in texts.items():
        path = folder / (f"{label}.sql" if label.endswith(".down") else f"{label}.up.sql")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


class Kind(Protocol):
    """A kind of disturbance.

    Attributes:
        name: Its name.
        sample: Every how many points are tried by `make check`.
    """

    @property
    def name(self) -> str: ...

    @property
    def sample(self) -> int: ...

    def points(self, site: Site) -> Iterator[Point]:
        """Give all points."""

    def disturb(self, site: Site, point: Point) -> bool:
        """Try a point, and tell whether it was reached; raises an error that says what is wrong."""
