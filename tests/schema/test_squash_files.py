"""The files of a squash are written and moved so that a killed process loses none of them."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path

import children
import pytest

from sqlmigrate.errors import ConfigError
from sqlmigrate.files.folder import load, survey
from sqlmigrate.files.migration import Migration
from sqlmigrate.schema import squash_files
from sqlmigrate.source import Source

TEXTS = {f"00{number}_{name}.{way}.sql": f"select '{name} {way}';\n" for number, name in ((1, "a"), (2, "b"))
         for way in ("up", "down")}  # fmt: skip
HEAD = """\
-- sqlmigrate: replaces 001-002
--   001_a   {}
--   002_b   {}
"""
NEW = ["002_squashed_core.down.sql", "002_squashed_core.up.sql"]

# Ends without a word at the n-th change of the file system.
_VICTIM = """\
import os, sys
from pathlib import Path
left = int(sys.argv[1])
def counted(call):
    def instead(*given, **named):
        global left
        if left == 0:
            os._exit(9)
        left -= 1
        return call(*given, **named)
    return instead
for name in ("unlink", "hardlink_to", "mkdir", "open", "rename"):
    setattr(Path, name, counted(getattr(Path, name)))
from sqlmigrate.files.folder import load
from sqlmigrate.files.migration import Migration
from sqlmigrate.schema import squash_files
from sqlmigrate.source import Source
texts = {way: Path(f"{way}.txt").read_bytes().decode() for way in ("up", "down")}
up, down = (Source(f"sql/002_squashed_core.{way}.sql", text) for way, text in texts.items())
squash_files.write(Migration("002", "squashed_core", up, down), load("sql"))
"""


@pytest.fixture
def squashed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Migration:
    """Two migrations in the current folder, and the squashed one that is not written yet."""
    monkeypatch.chdir(tmp_path)
    Path("sql").mkdir()
    for name, text in TEXTS.items():
        Path("sql", name).write_text(text)
    head = HEAD.format(*(each.checksum[:16] for each in load("sql")))
    Path("up.txt").write_text(f"{head}select 'ab up';\n")
    Path("down.txt").write_text("select 'ab down';\n")
    up, down = (Source(f"sql/002_squashed_core.{way}.sql", Path(f"{way}.txt").read_text()) for way in ("up", "down"))
    return Migration("002", "squashed_core", up, down)


def names(folder: str) -> list[str]:
    return sorted(path.name for path in Path(folder).glob("[!.]*.sql"))


def test_the_pair_takes_the_place_of_the_others(squashed: Migration) -> None:
    squash_files.write(squashed, load("sql"))

    assert (names("sql"), names("sql/squashed")) == (NEW, sorted(TEXTS))
    assert survey("sql").faults == ()
    assert {each: Path("sql/squashed", each).read_text() for each in TEXTS} == TEXTS


@pytest.mark.parametrize("number", range(30))
def test_a_killed_process_loses_nothing(squashed: Migration, number: int) -> None:
    """Wherever it is killed: each file is in the folder or in the archive, and squashing again ends it."""
    ended = children.run([sys.executable, "-c", _VICTIM, str(number)], capture_output=True)
    assert ended.returncode in (0, 9), ended.stderr

    for name, text in TEXTS.items():
        found = [path for path in (Path("sql", name), Path("sql/squashed", name)) if path.exists()]
        assert found, name
        assert {path.read_text() for path in found} == {text}
    if "002_squashed_core.up.sql" not in names("sql"):
        squash_files.write(squashed, [each for each in load("sql", strict=False) if not each.replaces])
    if faults := survey("sql").faults:
        assert [list(each.next_steps) for each in faults] == [["sqlmigrate squash 002"]]
        children.run([sys.executable, "-m", *shlex.split(faults[0].next_steps[0])], check=True)

    assert survey("sql").faults == ()
    assert (names("sql"), names("sql/squashed")) == (NEW, sorted(TEXTS))


def test_another_file_in_the_archive_is_not_overwritten(squashed: Migration) -> None:
    """It is asked for before anything is written."""
    Path("sql/squashed").mkdir()
    Path("sql/squashed/001_a.up.sql").write_text("select 'another';\n")

    with pytest.raises(ConfigError) as caught:
        squash_files.require_free(squashed, load("sql"))

    assert (caught.value.message, caught.value.hint) == (
        "sql/squashed/001_a.up.sql exists, and is not the file that would be moved there",
        "compare it with sql/001_a.up.sql, and remove or rename it",
    )
