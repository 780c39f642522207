"""Alembic itself executes the twelve migrations. Their SQL is what Alembic prints, and the history is taken over."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess

import children
import pytest
import real_tools
from twelve_migrations import EXECUTED, TWELVE, Execute, Folder, Step, finish, go_whole_way

pytestmark = pytest.mark.slow

ABOUT_VERSION = re.compile(
    r"^(?:CREATE TABLE|INSERT INTO|UPDATE|DELETE FROM|DROP TABLE) alembic_version\b.*?;\n", re.MULTILINE | re.DOTALL
)

ENVIRONMENT = """\
import os
from alembic import context
from sqlalchemy import create_engine

if context.is_offline_mode():
    context.configure(url=os.environ["URL"], literal_binds=True, transaction_per_migration=True)
    context.run_migrations()
else:
    with create_engine(os.environ["URL"]).connect() as connection:
        context.configure(connection=connection, transaction_per_migration=True)
        with context.begin_transaction():
            context.run_migrations()
"""


@pytest.fixture(scope="session")
def program(got: Callable[[Callable[[], Path]], Path]) -> Path:
    return got(lambda: real_tools.pip("alembic", "alembic", "psycopg[binary]"))


def revision(number: int) -> str:
    return f"ab{number:02}"


def code(number: int, step: Step) -> str:
    before = repr(revision(number - 1)) if number > 1 else None
    begun = "" if step.has_transaction else "    with op.get_context().autocommit_block():\n    "
    return (
        f'"""{step.name}"""\nfrom alembic import op\n\n'
        f"revision: str = {revision(number)!r}\ndown_revision = {before}\n\n\n"
        f"def upgrade() -> None:\n{begun}    op.execute({step.up!r})\n\n\n"
        f"def downgrade() -> None:\n{begun}    op.execute({step.down!r})\n"
    )


def write(root: Path) -> None:
    (root / "alembic" / "versions").mkdir(parents=True)
    (root / "alembic.ini").write_text("[alembic]\nscript_location = alembic\n")
    (root / "alembic" / "env.py").write_text(ENVIRONMENT)
    for number, step in enumerate(TWELVE, start=1):
        name = f"{revision(number)}_{step.name}.py"
        (root / "alembic" / "versions" / name).write_text(code(number, step))


@pytest.fixture
def call(program: Path) -> Callable[..., CompletedProcess[str]]:
    def called(root: Path, url: str, *arguments: str) -> CompletedProcess[str]:
        environment = {**os.environ, "URL": url.replace("postgresql:", "postgresql+psycopg:")}
        return children.run([program, *arguments], cwd=root, capture_output=True, encoding="utf-8", env=environment)

    return called


@pytest.fixture
def execute(call: Callable[..., CompletedProcess[str]]) -> Execute:
    return lambda root, url, count: call(root, url, "upgrade", revision(count) if count else "head")


def write_pairs(folder: Folder, call: Callable[..., CompletedProcess[str]]) -> None:
    """Do what the hints of `adopt` say."""
    obstacles = json.loads(folder.call("adopt", "--format", "json").stdout)["obstacles"]
    (folder.root / "sql").mkdir()
    for obstacle in obstacles:
        for command, name in re.findall(r"`alembic (.*?)` (?:prints )?to (\S+\.sql)", obstacle["hint"]):
            ended = call(folder.root, folder.project.url, *command.split())
            assert ended.returncode == 0, ended.stderr
            text = ABOUT_VERSION.sub("", ended.stdout)
            if "concurrently" in text:
                text = "-- sqlmigrate: no-transaction\n" + re.sub(r"^(?:BEGIN|COMMIT);\n", "", text, flags=re.MULTILINE)
            (folder.root / name).write_text(text)


def test_the_whole_way(
    make: Callable[..., Folder], execute: Execute, call: Callable[..., CompletedProcess[str]]
) -> None:
    """The pairs written by hand take the place of the files; both lead to one schema; what was adopted goes back."""
    folder, whole = make(write, execute, EXECUTED), make(write, execute, None)
    refused = folder.call("adopt", "--write", "--yes")
    assert refused.code == 1
    assert "alembic/versions/ab01_users.py:8:1" in refused.stderr
    write_pairs(folder, call)

    go_whole_way(folder, whole)

    assert folder.details() == ["adopted from Alembic; taken on trust: Alembic keeps no checksum"]


def test_it_changes_nothing_after_finish(
    make: Callable[..., Folder], execute: Execute, call: Callable[..., CompletedProcess[str]]
) -> None:
    """It does not know the revision: a migration without a transaction would be executed before it is recorded."""
    folder = make(write, execute, 2)
    write_pairs(folder, call)
    folder.adopt("--write", "--yes")

    assert "Can't locate revision identified by 'looked_after_by_sqlmigrate'" in finish(folder)
