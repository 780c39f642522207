"""graphile-migrate itself executes the twelve migrations, and is taken over. It has no down."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess

import children
import pytest
import real_tools
from twelve_migrations import EXECUTED, TWELVE, Execute, Folder, changed, finish, go_whole_way, refusal

pytestmark = pytest.mark.slow


@pytest.fixture(scope="session")
def program(got: Callable[[Callable[[], Path]], Path]) -> Path:
    return got(lambda: real_tools.npm("graphile-migrate", "graphile-migrate"))


def write(root: Path) -> None:
    """Write the files as `graphile-migrate commit` does; the tool itself then compares the hashes."""
    folder = root / "migrations" / "committed"
    folder.mkdir(parents=True)
    (root / "migrations" / "current.sql").write_text("")
    before = ""
    for number, step in enumerate(TWELVE, start=1):
        body = ("" if step.has_transaction else "--! no-transaction\n") + step.up.strip() + "\n"
        digest = "sha1:" + hashlib.sha1(f"{before}\n{body.strip()}".strip().encode() + b"\n").hexdigest()
        head = f"--! Previous: {before or '-'}\n--! Hash: {digest}\n--! Message: {step.name}\n\n"
        (folder / f"{number:06}-{step.name}.sql").write_bytes((head + body).encode())
        before = digest


@pytest.fixture
def execute(program: Path) -> Execute:
    def executed(root: Path, url: str, count: int | None) -> CompletedProcess[str]:
        settings = {
            "connectionString": url,
            "shadowConnectionString": f"{url}_shadow",
            "migrationsFolder": "migrations",
        }
        (root / ".gmrc").write_text(json.dumps(settings))
        left_out = sorted((root / "migrations" / "committed").iterdir())[count or len(TWELVE) :]
        for path in left_out:
            path.rename(root / path.name)
        ended = children.run(
            [program, "migrate"], cwd=root, capture_output=True, encoding="utf-8", env={**os.environ, "PGUSER": "app"}
        )
        for path in left_out:
            (root / path.name).rename(path)
        return ended

    return executed


def test_the_whole_way(make: Callable[..., Folder], execute: Execute) -> None:
    """The same are executed and pending; both lead to one schema; all hashes agree."""
    folder, whole = make(write, execute, EXECUTED), make(write, execute, None)

    go_whole_way(folder, whole, has_down=False)

    assert folder.details() == ["adopted from graphile-migrate; the checksum of graphile-migrate agrees with the file"]
    assert (folder.root / "sql" / "000003_index.up.sql").read_text().startswith("-- sqlmigrate: no-transaction\n--! ")


def test_a_changed_byte_is_seen(make: Callable[..., Folder], execute: Execute) -> None:
    """The hash in the history is the one of the file as it was."""
    folder = make(write, execute, EXECUTED)
    path = folder.root / "migrations" / "committed" / "000002-posts.sql"
    path.write_bytes(path.read_bytes().replace(b"of a user", b"of a User"))

    assert refusal(folder) == changed("migrations/committed/000002-posts.sql", "graphile-migrate")


def test_it_changes_nothing_after_finish(make: Callable[..., Folder], execute: Execute, program: Path) -> None:
    """It finds that it is up to date: a file without a transaction would be executed before it is recorded."""
    folder = make(write, execute, 2)  # the next one has no transaction
    folder.adopt("--write")

    assert "Already up to date" in finish(folder)
    (folder.root / "migrations" / "current.sql").write_text("create table from_current (id int);\n")
    before = folder.everything()
    ended = children.run(
        [program, "watch", "--once"],
        cwd=folder.root,
        capture_output=True,
        encoding="utf-8",
        env={**os.environ, "PGUSER": "app"},
    )
    assert "this database is looked after by sqlmigrate now" in ended.stdout + ended.stderr
    assert folder.everything() == before
