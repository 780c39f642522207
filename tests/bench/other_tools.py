"""Other tools that execute migrations, for the benchmark, got from their registries into a folder of their own.

Each gets the same statements in the form that it wants them in, a file for each migration, each in a transaction.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

Statements = Sequence[str]

_ALEMBIC_ENV = """\
import os
from alembic import context
from sqlalchemy import create_engine, pool

with create_engine(os.environ["DATABASE_URL"], poolclass=pool.NullPool).connect() as connection:
    context.configure(connection=connection, transaction_per_migration=True)
    with context.begin_transaction():
        context.run_migrations()
"""


@dataclass(frozen=True)
class Tool:
    """How a tool is called: `write` puts migrations into a folder, `command` executes those of a folder."""

    name: str
    write: Callable[[Path, Sequence[Statements]], None]
    command: Callable[[Path], list[str]]
    scheme: str = "postgresql://"
    options: str = ""


def found(cache: Path, psql: Path) -> tuple[list[Tool], list[str]]:
    """Give the tools that are there, ours first, and why others are not."""
    tools = [
        Tool("sqlmigrate", write_pairs, lambda folder: [str(_beside("sqlmigrate")), "--directory", str(folder), "up"])
    ]
    tools.append(Tool("psql, one script", _script, lambda folder: [*_AT_ONCE, str(psql), str(folder / "all.sql")]))
    tools.append(Tool("psql -1 -f, each file", write_pairs, lambda folder: ["sh", "-c", _LOOP, str(psql), str(folder)]))
    missing = []
    node = cache / "npm" / "node_modules" / ".bin"
    if problem := _installed(node / "dbmate", ["npm", "install", "--prefix", str(cache / "npm"), *_NPM]):
        missing.append(f"dbmate, node-pg-migrate: {problem}")
    else:
        tools.append(Tool("dbmate", _halves, lambda folder: _dbmate(node, folder), options="?sslmode=disable"))
        tools.append(Tool("node-pg-migrate", _sections, lambda folder: _node_pg_migrate(node, folder)))
    alembic = cache / "alembic"
    if problem := _made(alembic):
        missing.append(f"alembic: {problem}")
    else:
        program = str(alembic / "bin" / "alembic")
        command = [program, "--config"]
        tools.append(
            Tool(
                "alembic",
                _revisions,
                lambda folder: [*command, str(folder / "alembic.ini"), "upgrade", "head"],
                "postgresql+psycopg://",
            )
        )
    return tools, missing


_NPM = ["--no-audit", "--no-fund", "--silent", "dbmate", "node-pg-migrate", "pg"]
_AT_ONCE = ["sh", "-c", 'exec "$0" -X -q -v ON_ERROR_STOP=1 -d "$DATABASE_URL" -f "$1"']
_LOOP = 'for file in "$1"/*.up.sql; do "$0" -X -1 -q -v ON_ERROR_STOP=1 -d "$DATABASE_URL" -f "$file" || exit 1; done'


def _beside(program: str) -> Path:
    return Path(sys.executable).with_name(program)


def _installed(program: Path, command: list[str]) -> str:
    """Install what is not there yet; give why that did not work, nothing where it did."""
    if program.exists():
        return ""
    if shutil.which(command[0]) is None:
        return f"there is no {command[0]}"
    try:
        ended = subprocess.run(command, capture_output=True, encoding="utf-8", check=False, timeout=300)
    except subprocess.TimeoutExpired:
        return f"{command[0]} did not come to an end"
    return "" if program.exists() else " ".join((ended.stderr or ended.stdout).split())[-120:] or "not installed"


def _made(home: Path) -> str:
    if problem := _installed(home / "bin" / "pip", [sys.executable, "-m", "venv", str(home)]):
        return problem
    pip = [str(home / "bin" / "pip"), "install", "--quiet", "--disable-pip-version-check"]
    return _installed(home / "bin" / "alembic", [*pip, "alembic", "psycopg[binary]"])


# -- the forms ---------------------------------------------------------------------------------------------------------


def _name(number: int) -> str:
    return f"{20260101000000 + number}_table_{number}"


def write_pairs(folder: Path, migrations: Sequence[Statements]) -> None:
    """Write them as we want them: two files each."""
    for number, statements in enumerate(migrations):
        (folder / f"{_name(number)}.up.sql").write_text("\n".join(statements), encoding="utf-8")
        (folder / f"{_name(number)}.down.sql").write_text(f"drop table table_{number};\n", encoding="utf-8")


def _script(folder: Path, migrations: Sequence[Statements]) -> None:
    """Write one script for all of them, without any history: the least that a client can do."""
    text = "".join(f"begin;\n{chr(10).join(statements)}\ncommit;\n" for statements in migrations)
    (folder / "all.sql").write_text(text, encoding="utf-8")


def _halves(folder: Path, migrations: Sequence[Statements]) -> None:
    _one_file(folder, migrations, "-- migrate:up\n", "-- migrate:down\n")


def _sections(folder: Path, migrations: Sequence[Statements]) -> None:
    _one_file(folder, migrations, "-- Up Migration\n", "-- Down Migration\n")


def _one_file(folder: Path, migrations: Sequence[Statements], up: str, down: str) -> None:
    for number, statements in enumerate(migrations):
        text = f"{up}{chr(10).join(statements)}\n{down}drop table table_{number};\n"
        (folder / f"{_name(number)}.sql").write_text(text, encoding="utf-8")


def _revisions(folder: Path, migrations: Sequence[Statements]) -> None:
    (folder / "versions").mkdir()
    (folder / "env.py").write_text(_ALEMBIC_ENV, encoding="utf-8")
    (folder / "alembic.ini").write_text(f"[alembic]\nscript_location = {folder}\n", encoding="utf-8")
    for number, statements in enumerate(migrations):
        before = repr(_name(number - 1)) if number else None
        calls = "".join(f"    op.execute({statement!r})\n" for statement in statements)
        text = (
            f"from alembic import op\nrevision = {_name(number)!r}\ndown_revision = {before}\ndef upgrade():\n{calls}"
        )
        (folder / "versions" / f"{_name(number)}.py").write_text(text, encoding="utf-8")


def _dbmate(node: Path, folder: Path) -> list[str]:
    return [str(node / "dbmate"), "--migrations-dir", str(folder), "--no-dump-schema", "up"]


def _node_pg_migrate(node: Path, folder: Path) -> list[str]:
    return [str(node / "node-pg-migrate"), "up", "--migrations-dir", str(folder), "--no-single-transaction"]


def reviewers(cache: Path) -> tuple[dict[str, list[str]], list[str]]:
    """Give the tools that review files, by what they do, and why others are not there."""
    found, missing = {}, ["eugene: it is only at crates.io, and has to be compiled"]
    program, problem = _squawk(cache)
    if program:
        found["squawk, the text alone"] = [str(program)]
    else:
        missing.append(f"squawk: {problem}")
    program = cache / "pgfence" / "node_modules" / ".bin" / "pgfence"
    install = ["npm", "install", "--no-audit", "--no-fund", "--silent", "--prefix", str(cache / "pgfence")]
    if problem := _installed(program, [*install, "@flvmnt/pgfence"]):
        missing.append(f"pgfence: {problem}")
    else:
        found["pgfence, the text alone"] = [str(program), "analyze"]
    return found, missing


def _squawk(cache: Path) -> tuple[Path | None, str]:
    folder = cache / "squawk"
    program = folder / "bin" / "squawk"
    if not program.exists():
        subprocess.run([sys.executable, "-m", "venv", str(folder)], check=False, capture_output=True)
    command = [str(folder / "bin" / "python"), "-m", "pip", "install", "--quiet", "squawk-cli"]
    problem = _installed(program, command)
    return (None, problem) if problem else (program, "")
