"""node-pg-migrate itself executes the twelve migrations, and is taken over. Its SQL files always have a transaction."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess

import children
import pytest
import real_tools
from twelve_migrations import EXECUTED, TWELVE, Execute, Folder, finish, go_whole_way

pytestmark = pytest.mark.slow


@pytest.fixture(scope="session")
def program(got: Callable[[Callable[[], Path]], Path]) -> Path:
    return got(lambda: real_tools.npm("node-pg-migrate", "node-pg-migrate", "pg"))


def write(root: Path) -> None:
    (root / "migrations").mkdir()
    for number, step in enumerate(TWELVE):
        text = f"-- Up Migration\n{step.up}\n-- Down Migration\n{step.down}".replace(" concurrently", "")
        (root / "migrations" / f"{1700000000000 + number}_{step.name}.sql").write_bytes(text.encode())


@pytest.fixture
def execute(program: Path) -> Execute:
    def executed(root: Path, url: str, count: int | None) -> CompletedProcess[str]:
        command = [program, "up", *([str(count)] if count else [])]
        environment = {**os.environ, "DATABASE_URL": url}
        return children.run(command, env=environment, cwd=root, capture_output=True, encoding="utf-8")

    return executed


def test_the_whole_way(make: Callable[..., Folder], execute: Execute) -> None:
    """The same are executed and pending; both lead to one schema; what was adopted goes back."""
    folder, whole = make(write, execute, EXECUTED), make(write, execute, None)

    go_whole_way(folder, whole)

    assert folder.details() == ["adopted from node-pg-migrate; taken on trust: node-pg-migrate keeps no checksum"]


def test_it_changes_nothing_after_finish(make: Callable[..., Folder], execute: Execute) -> None:
    """It refuses to go on where its first row has no file: a program could be executed before it is recorded."""
    folder = make(write, execute, EXECUTED)
    folder.adopt("--write")
    code = "exports.up = (pgm) => { pgm.noTransaction(); pgm.sql('create table left_over (id int)'); };\n"
    (folder.root / "migrations" / "1700000000099_code.js").write_text(code)
    folder.project.add("1700000000099_code", "create table left_over (id int);\n")

    said = finish(folder)

    assert "is preceding already run migration looked_after_by_sqlmigrate" in said
