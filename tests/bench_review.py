"""A pull request of three migrations on a history of 300: a repository for the benchmark of `review`."""

from __future__ import annotations

import subprocess
from pathlib import Path

import history

# What needs a superuser, and what reaches beyond a database, does not execute as an ordinary owner.
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
    history.write(folder / "sql", history.migrations(number - 1, 7, 18, WITHOUT))
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
