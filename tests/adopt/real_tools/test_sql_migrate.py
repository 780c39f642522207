"""sql-migrate itself executes the twelve migrations, and is taken over."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from subprocess import CompletedProcess

import children
import pytest
import real_tools
from twelve_migrations import EXECUTED, TWELVE, WITHOUT_TRANSACTION_AT_LAST, Execute, Folder, Step, finish, go_whole_way

pytestmark = pytest.mark.slow


@pytest.fixture(scope="session")
def program(got: Callable[[Callable[[], Path]], Path]) -> Path:
    return got(lambda: real_tools.debian("sql-migrate"))


def write(root: Path, steps: Sequence[Step] = TWELVE) -> None:
    """Write the files; every statement has to end with a semicolon, or with a comment that says so."""
    (root / "migrations").mkdir()
    for number, step in enumerate(steps, start=1):
        options = "" if step.has_transaction else " notransaction"
        up, down = (_block(text) for text in (step.up, step.down))
        text = f"-- +migrate Up{options}\n{up}\n-- +migrate Down{options}\n{down}\n"
        (root / "migrations" / f"{number}-{step.name}.sql").write_bytes(text.encode())


def _block(text: str) -> str:
    is_whole = "$body$" not in text and text.rstrip().endswith(";")
    return text if is_whole else f"-- +migrate StatementBegin\n{text}\n-- +migrate StatementEnd"


@pytest.fixture
def execute(program: Path) -> Execute:
    def executed(root: Path, url: str, count: int | None) -> CompletedProcess[str]:
        settings = {"dialect": "postgres", "datasource": f"{url}?sslmode=disable", "dir": "migrations"}
        lines = [f"  {name}: {value}" for name, value in {**settings, "table": "gorp_migrations"}.items()]
        (root / "dbconfig.yml").write_text("\n".join(["development:", *lines, ""]), encoding="utf-8")
        command = [program, "up", *([f"-limit={count}"] if count else [])]
        return children.run(command, env={**os.environ}, cwd=root, capture_output=True, encoding="utf-8")

    return executed


def test_the_whole_way(make: Callable[..., Folder], execute: Execute) -> None:
    """The same are executed and pending; both lead to one schema; what was adopted goes back."""
    folder, whole = make(write, execute, EXECUTED), make(write, execute, None)

    go_whole_way(folder, whole)

    assert folder.details() == ["adopted from sql-migrate; taken on trust: sql-migrate keeps no checksum"]


@pytest.mark.parametrize("steps", [TWELVE, WITHOUT_TRANSACTION_AT_LAST])
def test_it_changes_nothing_after_finish(make: Callable[..., Folder], execute: Execute, steps: Sequence[Step]) -> None:
    """It refuses to go on, because of a row that has no file. After --undo it goes on."""
    folder = make(partial(write, steps=steps), execute, EXECUTED)
    folder.adopt("--write")

    assert "looked_after_by_sqlmigrate.sql: unknown migration in database" in finish(folder)
    folder.adopt("--undo", "--yes")
    assert folder.run_tool().returncode == 0
    assert "later" in folder.project.relations()
