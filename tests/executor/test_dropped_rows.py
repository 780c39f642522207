"""Rows that a user's statement returns are read by no one: they are dropped as they arrive."""

from __future__ import annotations

import sys

import children
import pytest
from project import Project, failure, succeeded

ROWS = "select g, repeat('x', 300) from generate_series(1, 200000) g"
STATEMENTS = {
    "select": f"{ROWS};",
    "several": f"{ROWS}; {ROWS};",
    "returning": f"insert into kept {ROWS} returning *;",
    "cursor": f"declare c cursor for {ROWS}; fetch all in c;",
    "copy": f"copy ({ROWS}) to stdout;",
    "without a transaction": f"-- sqlmigrate: no-transaction\n{ROWS};\ncreate table made ();",
    "prepared": f"prepare p as {ROWS}; execute p;",
}
MEGABYTE = 1024
_PEAK = """\
import resource, sys
from sqlmigrate import load, up
def peak(**options):
    *_, last = up(sys.argv[1], load(sys.argv[2]), **options)
    return type(last).__name__, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
_, before = peak(steps=1)
kind, after = peak(dry_run=len(sys.argv) > 3)
print(kind, after - before)
"""


@pytest.mark.parametrize("text", STATEMENTS.values(), ids=STATEMENTS)
def test_rows_take_no_memory(text: str, project: Project) -> None:
    """The memory of the process does not grow with the rows: 64 MB arrive, and less than 20 are used for them."""
    project.add("001_kept", "create table kept (n int, text text); select 1;").add("002_rows", text)
    ended = children.run([sys.executable, "-c", _PEAK, project.url, str(project.folder)], capture_output=True)
    kind, grown = ended.stdout.split()
    assert (kind, int(grown) < 20 * MEGABYTE) == (b"Finished", True), (grown, ended.stderr.decode())


def test_rows_of_a_dry_run_take_no_memory(project: Project) -> None:
    """A dry run sends the same requests."""
    project.add("001_kept", "create table kept (n int, text text);").add("002_rows", f"{ROWS};")
    command = [sys.executable, "-c", _PEAK, project.url, str(project.folder), "dry run"]
    kind, grown = children.run(command, capture_output=True).stdout.split()
    assert (kind, int(grown) < 20 * MEGABYTE) == (b"Finished", True), grown


@pytest.mark.parametrize("head", ["", "-- sqlmigrate: no-transaction\n"], ids=["in a transaction", "without"])
def test_an_error_after_many_rows_has_its_place(head: str, project: Project) -> None:
    """A statement that fails when most of its rows have arrived fails as any other."""
    project.add("001_a", f"{head}select 1;\nselect 1 / (g - 50000) from generate_series(1, 60000) g;\nselect 2;")
    failed = failure(project.up())
    assert (failed.number, failed.error.message) == (2, "division by zero")
    project.add("001_a", f"{head}select 1;\nselect g from generate_series(1, 60000) g;\nselect 2;")
    assert succeeded(project.up()) == ["001_a"]
