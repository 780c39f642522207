"""The servers that reviews are tested on: the embedded one, and the one that is installed on this machine."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest
import shadow_servers
from tested_version import TESTED

from sqlmigrate.shadow import databases

SERVERS = ["installed"] if TESTED else ["embedded", "installed"]


ShadowOf = Callable[[int], databases.Shadow]


@pytest.fixture(scope="session")
def shadow_of(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ShadowOf]:
    """Give the shadow server of a major version: one for the whole session, in whatever order the tests run."""
    found: dict[int, databases.Shadow] = {}
    with ExitStack() as running:

        def start(major: int) -> databases.Shadow:
            if major not in found:
                found[major] = running.enter_context(shadow_servers.of_tests(tmp_path_factory, major))
            return found[major]

        yield start


@pytest.fixture(params=SERVERS)
def server(request: pytest.FixtureRequest, shadow_of: ShadowOf) -> databases.Shadow:
    """A shadow server: the embedded PostgreSQL 18, and the installed one, which a review takes by default."""
    return shadow_of(18 if request.param == "embedded" else request.getfixturevalue("installed").major)
