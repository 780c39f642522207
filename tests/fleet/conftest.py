"""Many databases on the server of all tests."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from fleet_project import Fleet
from postgres_servers import Server


@pytest.fixture
def fleet_of(tmp_path: Path, postgres: Server) -> Iterator[Callable[[int], Fleet]]:
    """Makes a number of empty databases, dropped after the test."""
    with ExitStack() as stack:

        def make(number: int) -> Fleet:
            names = [f"shop_{each:02}" for each in range(1, number + 1)]
            made = Fleet(tmp_path, {name: stack.enter_context(postgres.database()) for name in names})
            made.write()
            return made

        yield make
