"""Supabase's program itself executes the twelve migrations, and is taken over. It has no down."""

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
    refusal,
)

pytestmark = pytest.mark.slow
FOLDER = Path("supabase", "migrations")


@pytest.fixture(scope="session")
def program(got: Callable[[Callable[[], Path]], Path]) -> Path:
    return got(lambda: real_tools.npm("supabase", "supabase"))


def write(root: Path, steps: Sequence[Step] = TWELVE) -> None:
    (root / FOLDER).mkdir(parents=True)
    (root / "supabase" / "config.toml").write_text('project_id = "shop"\n', encoding="utf-8")
    for number, step in enumerate(steps):
        (root / FOLDER / f"{20240101000000 + number}_{step.name}.sql").write_bytes(step.up.encode())


@pytest.fixture
def execute(program: Path) -> Execute:
    def executed(root: Path, url: str, count: int | None) -> CompletedProcess[str]:
        command = [program, "db", "push", "--yes", "--db-url", f"{url}?sslmode=disable"]
        environment = {**os.environ, "HOME": str(root), "DO_NOT_TRACK": "1", "SUPABASE_TELEMETRY_DISABLED": "1"}
        with only_first(root / FOLDER, count):
            return children.run(command, env=environment, cwd=root, capture_output=True, encoding="utf-8")

    return executed


def test_the_whole_way(make: Callable[..., Folder], execute: Execute) -> None:
    """The same are executed and pending; both lead to one schema; the executed statements agree with the files."""
    folder, whole = make(write, execute, EXECUTED), make(write, execute, None)

    go_whole_way(folder, whole, has_down=False)

    assert folder.details() == ["adopted from Supabase; the statements in the history of Supabase agree with the file"]


def test_one_changed_byte_is_flagged(make: Callable[..., Folder], execute: Execute) -> None:
    """Supabase's program does not see it."""
    folder = make(write, execute, EXECUTED)
    file = folder.root / FOLDER / "20240101000001_posts.sql"
    file.write_bytes(file.read_bytes().replace(b"user", b"User", 1))

    assert refusal(folder).splitlines()[0] == (
        "error: supabase/migrations/20240101000001_posts.sql was changed after Supabase executed it: the statements in "
        "its history differ"
    )


@pytest.mark.parametrize("steps", [TWELVE, WITHOUT_TRANSACTION_AT_LAST])
def test_it_changes_nothing_after_finish(make: Callable[..., Folder], execute: Execute, steps: Sequence[Step]) -> None:
    """It refuses to go on, because of a row that has no file. After --undo it goes on."""
    folder = make(partial(write, steps=steps), execute, EXECUTED)
    folder.adopt("--write")

    assert "Remote migration versions not found in local migrations directory." in finish(folder)
    folder.adopt("--undo", "--yes")
    assert folder.run_tool().returncode == 0
    assert "later" in folder.project.relations()
