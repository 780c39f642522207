"""A pull request of three migrations on a history of 300, and what the parts of its review take."""

from __future__ import annotations

import statistics
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import generated_history

from sqlmigrate.database.session import Request, connect
from sqlmigrate.files import migration
from sqlmigrate.operations import up_down
from sqlmigrate.parsing.script import read
from sqlmigrate.plan.plan import Step
from sqlmigrate.review.measure import watch
from sqlmigrate.review.seed import fill
from sqlmigrate.shadow import databases, row_sums
from sqlmigrate.source import Source

# What reaches beyond a database, and what needs a superuser.
WITHOUT = ("elsewhere", "operators", "refactor", "security", "triggers")
BASE = ("20300101_000000_items", "create table review_items (id bigint primary key, total int, note text);\n")
NEW = {
    "20300201_000000_item_currency": (
        "create table rates (currency text primary key);\nalter table review_items add column currency text;\n",
        "alter table review_items drop column currency;\ndrop table rates;\n",
    ),
    "20300202_000000_index_items": (
        "create index concurrently review_currency on review_items (currency);\n",
        "drop index concurrently review_currency;\n",
    ),
    "20300203_000000_item_total": (
        "alter table review_items alter column total type numeric(12,2);\n",
        "alter table review_items alter column total type int;\n",
    ),
}


def write(folder: Path, number: int = 300) -> None:
    """Make a repository in a folder: `number` migrations merged in main, three on a branch."""
    label, text = BASE
    (folder / "sql").mkdir()
    if number > 1:
        generated_history.write(folder / "sql", generated_history.migrations(number - 1, 7, 18, WITHOUT))
    (folder / "sql" / f"{label}.up.sql").write_text(text, encoding="utf-8")
    _git(folder, "init", "--quiet", "--initial-branch=main")
    _commit(folder, "history")
    _git(folder, "checkout", "--quiet", "-b", "change")
    for new, texts in NEW.items():
        for direction, text in zip(("up", "down"), texts, strict=True):
            (folder / "sql" / f"{new}.{direction}.sql").write_text(text, encoding="utf-8")
    _commit(folder, "change")


def _commit(folder: Path, message: str) -> None:
    _git(folder, "add", ".")
    _git(folder, "-c", "user.name=bench", "-c", "user.email=bench@localhost", "commit", "--quiet", "-m", message)


def _git(folder: Path, *arguments: str) -> None:
    subprocess.run(["git", *arguments], cwd=folder, check=True, capture_output=True)


def watching(home: Path, statements: int = 50) -> tuple[float, float, float]:
    """Measure, in milliseconds: a shadow database made and dropped, a statement executed, and the same watched."""
    tables = "".join(f"create table t{number} (id int primary key);\n" for number in range(100))
    base = migration.Migration("001", "tables", Source("sql/001_tables.up.sql", tables), None)
    text = "".join(f"alter table t{number} add column note text;\n" for number in range(statements))
    source = Source("sql/002_notes.up.sql", text)
    step = Step("up", "002", "002_notes", read(source), migration.Migration("002", "notes", source, None))
    with databases.server(home, postgres=18) as server:
        template = server.template("bench", lambda made: len([*up_down.up(made.owner_url, [base])]))
        began = time.perf_counter()
        with server.clone(template) as clone:
            executed = _took(lambda: [*up_down.up(clone.owner_url, [base, step.migration])])
        made = (time.perf_counter() - began) * 1000 - executed
        with server.clone(template) as clone, watch.watching(clone.owner_url, clone.admin_url, "migrations") as watched:
            seen = _took(lambda: watched.run(step))
    return made, executed / statements, seen / statements


def rows(url: str, runs: int) -> Iterator[tuple[str, float]]:
    """Measure, in milliseconds: 180 tables filled with 300 rows each, and all their rows read."""
    columns = "id int primary key, a text, b timestamptz, c numeric, d jsonb"
    with connect(url) as session:
        for start in range(0, 180, 60):
            session.ask(*(Request(f"create table t_{number} ({columns})") for number in range(start, start + 60)))
        yield "filled", _took(lambda: fill.fill(session))
        yield "read", statistics.median(_took(lambda: row_sums.read(session)) for _ in range(runs))


def _took(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return (time.perf_counter() - began) * 1000
