"""yoyo itself executes the twelve migrations, and is taken over."""

from __future__ import annotations

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
    return got(lambda: real_tools.pip("yoyo", "yoyo-migrations", "psycopg[binary]", "setuptools"))


def label(number: int) -> str:
    return f"{number:04}_{TWELVE[number - 1].name}"


def write(root: Path) -> None:
    (root / "migrations").mkdir()
    for number, step in enumerate(TWELVE, start=1):
        head = f"-- depends: {label(number - 1)}\n" if number > 1 else ""
        head += "" if step.has_transaction else "-- transactional: false\n"
        (root / "migrations" / f"{label(number)}.sql").write_bytes((head + step.up).encode())
        (root / "migrations" / f"{label(number)}.rollback.sql").write_bytes(step.down.encode())


@pytest.fixture
def execute(program: Path) -> Execute:
    def executed(root: Path, url: str, count: int | None) -> CompletedProcess[str]:
        database = url.replace("postgresql://", "postgresql+psycopg://")
        until = ["--revision", label(count)] if count else []
        command = [program, "apply", *until, "--batch", "--no-config-file", "--database", database, "migrations"]
        return children.run(command, cwd=root, capture_output=True, encoding="utf-8")

    return executed


def test_the_whole_way(make: Callable[..., Folder], execute: Execute) -> None:
    """The same are executed and pending; both lead to one schema; what was adopted goes back."""
    folder, whole = make(write, execute, EXECUTED), make(write, execute, None)
    before = folder.project.query("select migration_id, applied_at_utc at time zone 'UTC' from _yoyo_migration")

    go_whole_way(folder, whole)

    assert folder.details() == ["adopted from yoyo; taken on trust: yoyo keeps no checksum"]
    times = folder.project.query("select version || '_' || name, executed_at from migrations")
    assert set(before[:9]) <= set(times)


def test_it_changes_nothing_after_finish(make: Callable[..., Folder], execute: Execute) -> None:
    """It cannot take its lock: a migration would be executed before it is recorded."""
    folder = make(write, execute, EXECUTED)
    folder.adopt("--write")

    assert "LockTimeout: Database locked" in finish(folder)


def test_its_lock_is_respected(make: Callable[..., Folder], execute: Execute) -> None:
    """Its lock is a row."""
    folder = make(write, execute, EXECUTED)
    folder.project.execute("insert into yoyo_lock values (1, now(), 4242)")

    ended = folder.call("adopt", "--write")

    assert ended.code == 4
    assert "a run of yoyo is under way: it holds its lock" in ended.stderr
