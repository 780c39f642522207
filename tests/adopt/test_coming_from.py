"""The commands of docs/coming-from.md, run as they are written: a section for each tool."""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path

import children
import documents
import pytest
from left_by_tools import LEFT, NO_USERS, USERS
from postgres_servers import Server
from project import Project

from sqlmigrate.adopt.tools.all_tools import TOOLS

PAGE = (documents.ROOT / "docs" / "coming-from.md").read_text(encoding="utf-8")
_HEADING = re.compile(r"^#{2,3} (.+)$", re.MULTILINE)
_BLOCK = re.compile(r"^```sh\n(.*?)^```$", re.DOTALL | re.MULTILINE)


def _sections() -> dict[str, str]:
    """Return the text of each section of the page, by its heading."""
    _, *parts = _HEADING.split(PAGE)
    return dict(zip(parts[::2], parts[1::2], strict=True))


SECTIONS = _sections()
GENERAL = [name for name, text in SECTIONS.items() if name not in LEFT and _BLOCK.search(text)]


def _paste(project: Project, server: Server, section: str) -> str:
    """Paste the commands of a section into a shell that stops at the first one that fails; return what they say."""
    folder = project.folder.parent
    program = folder / "bin" / "sqlmigrate"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m sqlmigrate "$@"\n', encoding="utf-8")
    program.chmod(0o755)
    paths = [str(program.parent), str(server.cluster.program("pg_dump").parent), os.environ["PATH"]]
    ended = children.run(
        ["sh", "-e"], input="\n".join(_BLOCK.findall(SECTIONS[section])), cwd=folder, encoding="utf-8",
        env={**os.environ, "DATABASE_URL": project.url, "PATH": os.pathsep.join(paths)}, capture_output=True,
    )  # fmt: skip
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return ended.stdout


@pytest.fixture
def shop(tmp_path: Path, database: str) -> Project:
    """A project in a folder with a space in its path, and a database."""
    folder = tmp_path / "my shop"
    folder.mkdir()
    return Project(folder / "sql", database)


def test_every_tool_has_a_section() -> None:
    """The page has one for each tool that can be taken over, and a test runs it."""
    names = {tool.name for tool in TOOLS}

    assert names == set(LEFT)
    assert names - set(SECTIONS) == set()
    assert [name for name in LEFT if not _BLOCK.search(SECTIONS[name])] == []


@pytest.mark.parametrize("tool", LEFT)
def test_the_commands_of_a_tool_take_it_over(tool: str, shop: Project, postgres: Server) -> None:
    """What it has executed is executed; what was pending is executed by `up`; the log says whose checksum agrees."""
    left = LEFT[tool]
    left.write(shop.folder.parent)
    shop.execute(USERS)
    shop.execute(left.history)

    _paste(shop, postgres, tool)

    there = next((each.parent for each in shop.folder.parent.rglob("*.up.sql")), shop.folder)
    assert Project(there, shop.url).states() == left.states
    assert tuple(row[0] for row in shop.query("select detail from migrations_log order by id")) == left.details


@pytest.mark.parametrize("section", GENERAL)
def test_the_other_commands_run(section: str, shop: Project, postgres: Server) -> None:
    """What the general chapters show works in a folder of dbmate with its database."""
    LEFT["dbmate"].write(shop.folder.parent)
    shop.execute(USERS)
    shop.execute(LEFT["dbmate"].history)

    _paste(shop, postgres, section)


def test_the_users_can_be_dropped_by_the_adopted_file(shop: Project, postgres: Server) -> None:
    """`down` of an adopted migration is the text of the old file."""
    LEFT["dbmate"].write(shop.folder.parent)
    shop.execute(USERS)
    shop.execute(LEFT["dbmate"].history)
    _paste(shop, postgres, "dbmate")

    assert shop.call("down", "--all", "--yes").code == 0
    assert (shop.folder / "20240101000001_users.down.sql").read_text(encoding="utf-8") == NO_USERS
    assert "users" not in shop.relations()
