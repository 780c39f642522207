"""Shadow servers for tests, whose data is deleted when they end."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager

import postgres_servers
import pytest

from sqlmigrate.identifiers import quoted
from sqlmigrate.shadow import databases


@contextmanager
def of_tests(folders: pytest.TempPathFactory, major: int) -> Iterator[databases.Shadow]:
    """Run our own shadow server of a major version while the block lasts."""
    home = folders.mktemp("shadow")
    with databases.server(home, postgres=major) as found:
        yield found
    postgres_servers.delete_private_data(home)


def leave_nothing(server: postgres_servers.Server) -> None:
    """Drop what commands with `--shadow-url` keep on a server: the bases, their roles, the role of the migrations."""
    kept = """\
select datname, shobj_description(oid, 'pg_database') from pg_database where datname like 'sqlmigrate\\_%'"""
    roles = {"sqlmigrate_review"}
    for name, note in server.admin.execute(kept).fetchall():
        found = json.loads(note or "{}")
        roles |= {*found.get("made_roles", ()), *found.get("value", {}).get("roles", ())}
        server.admin.execute(f"drop database {name} with (force)")
    for role in sorted(roles):
        server.admin.execute(f"drop role if exists {quoted(role)}".encode())
