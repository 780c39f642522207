"""dbmate itself executes the twelve migrations, and is taken over."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from subprocess import CompletedProcess

import children
import pytest
import real_tools
from twelve_migrations import (
    EXECUTED,
    TWELVE,
    WITHOUT_TRANSACTION_AT_LAST,
    Execute,
    Folder,
    Step,
    finish,
    go_whole_way,
    only_first,
)

pytestmark = pytest.mark.slow
FOLDER = Path("db", "migrations")


@pytest.fixture(scope="session")
def program(got: Callable[[Callable[[], Path]], Path]) -> Path:
    return got(lambda: real_tools.npm("dbmate", "dbmate"))


def write(root: Path, steps: Sequence[Step] = TWELVE) -> None:
    (root / FOLDER).mkdir(parents=True)
    for number, step in enumerate(steps):
        options = "" if step.has_transaction else " transaction:false"
        text = f"-- migrate:up{options}\n{step.up}\n-- migrate:down{options}\n{step.down}"
        (root / FOLDER / f"{20240101000000 + number}_{step.name}.sql").write_bytes(text.encode())


@pytest.fixture
def execute(program: Path) -> Execute:
    def executed(root: Path, url: str, count: int | None) -> CompletedProcess[str]:
        command = [program, "--no-dump-schema", "--url", f"{url}?sslmode=disable", "migrate"]
        with only_first(root / FOLDER, count):
            return children.run(command, env={**os.environ}, cwd=root, capture_output=True, encoding="utf-8")

    return executed


def test_the_whole_way(make: Callable[..., Folder], execute: Execute) -> None:
    """The same are executed and pending; both lead to one schema; what was adopted goes back."""
    folder, whole = make(write, execute, EXECUTED), make(write, execute, None)

    go_whole_way(folder, whole)

    assert folder.details() == ["adopted from dbmate; taken on trust: dbmate keeps no checksum"]


def test_it_changes_nothing_after_finish(make: Callable[..., Folder], execute: Execute) -> None:
    """It reads our sentence, and its transaction is rolled back."""
    folder = make(write, execute, EXECUTED)
    folder.adopt("--write")

    assert "this database is looked after by sqlmigrate now" in finish(folder)


def test_it_still_executes_a_file_without_a_transaction(make: Callable[..., Folder], execute: Execute) -> None:
    """It reads nothing that could stop it, and writes its history afterwards; --finish says so."""
    folder = make(partial(write, steps=WITHOUT_TRANSACTION_AT_LAST), execute, EXECUTED)
    folder.adopt("--write")

    said = folder.adopt("--finish")

    assert said.splitlines() == [
        "schema_migrations refuses writes from now on",
        (
            "⚠️ dbmate still executes, and undoes, a file with `transaction:false` before it fails: remove dbmate from "
            "what is deployed"
        ),
        "to take that back: sqlmigrate adopt --undo",
    ]
    assert folder.run_tool().returncode != 0
    assert "later" in folder.project.relations()
