"""Shadow servers for tests, whose data is deleted when they end."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import postgres_servers
import pytest

from sqlmigrate.shadow import databases


@contextmanager
def of_tests(folders: pytest.TempPathFactory, major: int) -> Iterator[databases.Shadow]:
    """Run our own shadow server of a major version while the block lasts."""
    home = folders.mktemp("shadow")
    with databases.server(home, postgres=major) as found:
        yield found
    postgres_servers.delete_private_data(home)


def leave_nothing(server: postgres_servers.Server) -> None:
    """Drop what commands with `--shadow-url` keep on a server: the bases, and the role that executes migrations."""
    kept = "select datname from pg_database where datname like 'sqlmigrate\\_%'"
    for (name,) in server.admin.execute(kept).fetchall():
        server.admin.execute(f"drop database {name} with (force)")
    server.admin.execute("drop role if exists sqlmigrate_review")
