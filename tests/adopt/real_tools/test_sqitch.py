"""Sqitch itself executes the twelve changes, and is taken over."""

from __future__ import annotations

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
    return got(lambda: real_tools.debian("sqitch"))


def write(root: Path) -> None:
    plan = "%syntax-version=1.0.0\n%project=app\n%uri=https://example.org/App\n\n"
    for number, step in enumerate(TWELVE):
        needs = f"[{TWELVE[number - 1].name}] " if number else ""
        plan += f"{step.name} {needs}2024-01-01T00:00:{number:02}Z Ä Person <a@example.org> # change\\n{number}; \\\\\n"
        for kind, text in (("deploy", step.up), ("revert", step.down)):
            (root / kind).mkdir(exist_ok=True)
            separator = "" if text.rstrip().endswith(";") or "--" in text else ";"
            whole = f"BEGIN;\n{text}{separator}\nCOMMIT;\n" if step.has_transaction else text
            (root / kind / f"{step.name}.sql").write_bytes(whole.encode())
    (root / "verify").mkdir()
    (root / "verify" / "users.sql").write_text("select id from users where false;\n")
    (root / "sqitch.plan").write_text(plan)
    (root / "sqitch.conf").write_text("[core]\n\tengine = pg\n")


@pytest.fixture
def execute(program: Path) -> Execute:
    def executed(root: Path, url: str, count: int | None, command: str = "deploy") -> CompletedProcess[str]:
        until = ["--to-change", TWELVE[count - 1].name] if count else []
        options = ["--target", f"db:{url.replace('postgresql:', 'pg:')}", *until]
        environment = {
            **os.environ,
            "SQITCH_FULLNAME": "O Person",
            "SQITCH_EMAIL": "o@example.org",
            "LC_ALL": "C.UTF-8",
        }
        return children.run(
            [program, command, *options], cwd=root, capture_output=True, encoding="utf-8", env=environment
        )

    return executed


def test_the_whole_way(make: Callable[..., Folder], execute: Execute) -> None:
    """The same are executed and pending; both lead to one schema; all script hashes agree."""
    folder, whole = make(write, execute, EXECUTED), make(write, execute, None)

    go_whole_way(folder, whole)

    assert folder.details() == ["adopted from Sqitch; the checksum of Sqitch agrees with the file"]
    assert folder.project.query("select distinct executed_by from migrations where version < '011'") == [
        ("O Person <o@example.org>",)
    ]


def test_a_changed_byte_is_seen(make: Callable[..., Folder], execute: Execute) -> None:
    """The hash in the history is the one of the script as it was."""
    folder = make(write, execute, EXECUTED)
    path = folder.root / "deploy" / "posts.sql"
    path.write_bytes(path.read_bytes().replace(b"of a user", b"of a User"))

    assert refusal(folder) == changed("deploy/posts.sql", "Sqitch")


def test_a_reworked_change(make: Callable[..., Folder], execute: Execute) -> None:
    """The old script has the tag in its name, and the history keeps its hash."""

    def write_reworked(root: Path) -> None:
        write(root)
        planner = "A Person <a@example.org>"
        with (root / "sqitch.plan").open("a") as plan:
            plan.write(f"@v1 2024-01-02T00:00:00Z {planner} # first\n")
            plan.write(f"touch [touch@v1 !other:nothing] 2024-01-02T00:00:01Z {planner} # again\n")
            plan.write(f"last 2024-01-02T00:00:02Z {planner}\n")
        for kind in ("deploy", "revert"):
            text = (root / kind / "touch.sql").read_bytes()
            (root / kind / "touch@v1.sql").write_bytes(text)
            (root / kind / "touch.sql").write_bytes(text.replace(b"create function", b"create or replace function"))
            (root / kind / "last.sql").write_text("select 1;\n")

    folder = make(write_reworked, execute, None)

    folder.adopt("--write")

    assert list(folder.project.states().values()) == ["executed"] * 14
    assert folder.details() == ["adopted from Sqitch; the checksum of Sqitch agrees with the file"]


def test_it_changes_nothing_after_finish(make: Callable[..., Folder], execute: Execute) -> None:
    """The newest change is not in its plan: it would execute a script before it records it."""
    folder = make(write, execute, EXECUTED)
    folder.adopt("--write")

    assert "Cannot find change" in finish(folder)
    before = folder.everything()
    for command in ("revert", "rebase"):
        ended = execute(folder.root, folder.project.url, None, command)  # type: ignore[call-arg]
        assert "looked_after_by_sqlmigrate" in ended.stderr, ended
    assert folder.everything() == before
