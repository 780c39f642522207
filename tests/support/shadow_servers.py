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
