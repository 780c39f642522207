"""The servers that reviews are tested on: the embedded one, and the one that is installed on this machine."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tested_version import TESTED

from sqlmigrate.shadow import databases

SERVERS = ["installed"] if TESTED else ["embedded", "installed"]


@pytest.fixture(scope="session", params=SERVERS)
def server(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[databases.Shadow]:
    """A shadow server: the embedded PostgreSQL 18, and the installed one, which a review takes by default."""
    major = 18 if request.param == "embedded" else request.getfixturevalue("installed").major
    with databases.server(tmp_path_factory.mktemp("shadow"), postgres=major) as found:
        yield found
