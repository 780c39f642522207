"""A project and a database for another tool, in which it has executed its migrations."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from postgres_servers import PasswordServer
from project import Project
from twelve_migrations import Execute, Folder


@pytest.fixture
def make(password_server: PasswordServer, tmp_path: Path) -> Iterator[Callable[..., Folder]]:
    """Makes a folder: `write` writes the tool's files, `execute` then executes that many of them, or all."""
    with ExitStack() as databases:

        def made(write: Callable[[Path], None], execute: Execute, count: int | None) -> Folder:
            root = tmp_path / f"project {count}".replace(" ", "_")
            root.mkdir()
            write(root)
            url = databases.enter_context(password_server.database(owner="app"))
            name = url.partition("?")[0].rpartition("/")[2]
            folder = Folder(Project(root / "sql", password_server.tcp_url(name)), root, password_server, execute)
            ended = folder.run_tool(count)
            assert ended.returncode == 0, ended.stdout + ended.stderr
            return folder

        yield made
