"""A squashed migration in the folder: what it replaces, what is wrong with it, and the archive `sql/squashed/`."""

from __future__ import annotations

from pathlib import Path

import pytest

from sqlmigrate.errors import MigrationError
from sqlmigrate.files.folder import survey
from sqlmigrate.files.migration import checksum
from sqlmigrate.files.replaces import Replaced, find_replaces
from sqlmigrate.files.squashed import archive_faults
from sqlmigrate.source import Source

A, B, C = (checksum(text) for text in ("select 1;\n", "select 2;\n", "select 3;\n"))
HEAD = f"""\
-- sqlmigrate: replaces 001-003
--   001_a   {A[:16]}
--   002_b   {B[:16]}
--   003_c   {C[:16]}
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder `sql` in the current directory that holds the squashed migration and one after it."""
    monkeypatch.chdir(tmp_path)
    Path("sql").mkdir()
    write("003_squashed_core.up.sql", HEAD + "\nselect 1;\n")
    write("004_d.up.sql")
    return Path("sql")


def write(name: str, text: str = "select 1;\n") -> None:
    path = Path("sql", name)
    path.parent.mkdir(exist_ok=True)
    path.write_text(text)


def shown(errors: tuple[MigrationError, ...]) -> list[list[str]]:
    return [[error.message, *([error.hint] if error.hint else []), *error.next_steps] for error in errors]


def test_what_a_squashed_migration_replaces() -> None:
    """The directive names the range; the comments behind it list each migration with its checksum."""
    found = find_replaces(Source("sql/003_squashed_core.up.sql", f"/* a head */\n{HEAD}-- what follows\nselect 1;"))

    assert found is not None
    assert (str(found), found.listed) == (
        "001-003",
        (Replaced("001", "a", A[:16]), Replaced("002", "b", B[:16]), Replaced("003", "c", C[:16])),
    )
    assert [found.covers(number) for number in (0, 1, 3, 4)] == [False, True, True, False]
    assert (found.listed[0].is_text(A), found.listed[0].is_text(B), found.listed[0].is_text(None)) == (
        True,
        False,
        False,
    )


def test_time_stamps_are_versions_of_a_range() -> None:
    """A time stamp is compared as a number, with and without its underscore."""
    found = find_replaces(Source("", "-- sqlmigrate: replaces 20260101_120000 - 20260213120530\n"))

    assert found is not None
    assert [
        found.covers(number) for number in (20260101_115959, 20260101_120000, 20260213_120530, 20260213_120531)
    ] == [
        False,
        True,
        True,
        False,
    ]


@pytest.mark.parametrize(
    "text",
    [
        "select 1;\n-- sqlmigrate: replaces 001-003\n",
        "/* -- sqlmigrate: replaces 001-003 */\nselect 1;",
        "-- it replaces 001-003\nselect 1;",
        "-- sqlmigrate: replaces everything\nselect 1;",
    ],
)
def test_other_texts_replace_nothing(text: str) -> None:
    """Only a directive before the first statement says that a migration is a squashed one."""
    assert find_replaces(Source("", text)) is None


def test_the_archive_is_not_a_stray_folder(folder: Path) -> None:
    """The files in `sql/squashed/` are the archive: they are not migrations of the folder, and no note names them."""
    write("squashed/001_a.up.sql", "select 1;\n")
    write("squashed/002_b.up.sql", "select 2;\n")
    write("squashed/002_b.down.sql")
    write("squashed/003_c.up.sql", "select 3;\n")
    write("squashed/notes.md")

    found = survey(folder)

    assert [each.label for each in found] == ["003_squashed_core", "004_d"]
    assert (found.faults, found.notes) == ((), ())
    assert found.archive.path == "sql/squashed/"
    assert [(each.label, each.down is not None) for each in found.archive.migrations] == [
        ("001_a", False),
        ("002_b", True),
        ("003_c", False),
    ]


def test_the_archive_is_read_only_where_it_is_needed(folder: Path) -> None:
    """A broken file in it does not stop anything else."""
    Path("sql/squashed").mkdir()
    Path("sql/squashed/001_a.up.sql").symlink_to("nowhere")

    found = survey(folder)

    assert found.faults == ()
    assert [each.is_read for each in found.archive.migrations] == [False]


def test_an_archive_that_no_migration_needs_is_a_folder_like_others(folder: Path) -> None:
    """Without a squashed migration the files in `squashed/` would never be executed: the note says so."""
    write("squashed/001_a.up.sql")
    Path("sql/003_squashed_core.up.sql").unlink()

    assert shown(survey(folder).notes) == [
        [
            "sql/squashed/ holds 1 file named as a migration: only sql/ itself is read",
            "move them to sql/, or name their folder: --directory sql/squashed",
        ]
    ]


def test_an_archive_of_two_squashes(folder: Path) -> None:
    """A squashed migration that was squashed follows the one with its version, and nothing of that is a fault."""
    for name, text in (("001_a", ""), ("003_c", ""), ("003_squashed_core", HEAD), ("004_d", "")):
        write(f"squashed/{name}.up.sql", f"{text}select 1;\n")

    archive = survey(folder).archive

    assert [each.label for each in archive.migrations] == ["001_a", "003_c", "003_squashed_core", "004_d"]
    assert [each.faults for each in archive.migrations] == [(), (), (), ()]


WRITTEN = "take the list as `sqlmigrate squash` has written it"
BAD_LISTS = {
    "a range above the version": (
        "-- sqlmigrate: replaces 001-004\n",
        "the file replaces 001-004, but its own version is 003",
        "the range ends at the version of its file: name the file 004_…, or write another range",
    ),
    "a range below the version": (
        "-- sqlmigrate: replaces 001-002\n",
        "the file replaces 001-002, but its own version is 003",
        "the range ends at the version of its file: name the file 002_…, or write another range",
    ),
    "a line without a checksum": (
        f"-- sqlmigrate: replaces 001-003\n--   001_a {A[:16]}\n--   002_b\n--   003_c {C[:16]}\n",
        "the list of what is replaced has a line that cannot be read",
        f"a line is `--   VERSION_NAME   CHECKSUM`: {WRITTEN}",
    ),
    "a list that ends early": (
        f"-- sqlmigrate: replaces 001-003\n--   001_a {A[:16]}\n--   002_b {B[:16]}\n",
        "the list of what is replaced does not fit the range 001-003: it is cut off",
        WRITTEN,
    ),
    "a list in another order": (
        f"-- sqlmigrate: replaces 001-003\n--   002_b {B[:16]}\n--   001_a {A[:16]}\n--   003_c {C[:16]}\n",
        "the list of what is replaced does not fit the range 001-003: it is not in order",
        WRITTEN,
    ),
    "a migration outside of the range": (
        f"-- sqlmigrate: replaces 002-003\n--   001_a {A[:16]}\n--   003_c {C[:16]}\n",
        "the list of what is replaced does not fit the range 002-003: 001_a is not in the range",
        WRITTEN,
    ),
}


@pytest.mark.parametrize(("head", "message", "hint"), BAD_LISTS.values(), ids=BAD_LISTS)
def test_a_list_that_does_not_fit(folder: Path, head: str, message: str, hint: str) -> None:
    """A range and its list say the same; if they do not, nothing is guessed."""
    write("003_squashed_core.up.sql", f"{head}select 1;\n")

    found = survey(folder)

    assert shown(found.faults) == [[message, hint]]
    assert found[0].faults == found.faults


def test_a_down_file_replaces_nothing(folder: Path) -> None:
    """The directive belongs in the up file."""
    write("003_squashed_core.down.sql", "-- sqlmigrate: replaces 001-003\nselect 1;\n")

    found = survey(folder)

    assert shown(found.faults) == [
        ["the directive `replaces` is in a down file", "move it to the first line of sql/003_squashed_core.up.sql"]
    ]
    assert (found[0].faults, found[0].down_faults) == ((), found.faults)


def test_a_replaced_migration_that_is_still_there(folder: Path) -> None:
    """All are named once, with the command that moves them; that two files have the last version is not said."""
    write("002_b.up.sql", "select 2;\n")
    write("002_b.down.sql")
    write("003_c.up.sql", "select 3;\n")

    assert shown(survey(folder).faults) == [
        [
            "002_b, 003_c are still in the folder, and 003_squashed_core replaces them",
            "move the files into the archive: squash again does it",
            "sqlmigrate squash 003",
        ]
    ]


def test_copies_that_an_interrupted_squash_has_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is lost, and the copies are not migrations that somebody forgot to move."""
    monkeypatch.chdir(tmp_path)
    for name in ("001_a.up.sql", "002_b.up.sql", "squashed/001_a.up.sql"):
        Path("sql", name).parent.mkdir(parents=True, exist_ok=True)
        write(name)

    assert shown(survey("sql").notes) == [
        [
            "sql/squashed/ has copies of migrations, and no squashed migration is here: a squash was interrupted",
            "squash again, or delete sql/squashed/",
        ]
    ]


RENAME = (
    "a new database would execute it before the squashed one, and others after it: rename its files to a free version "
    "after the newest; in git, renumber does it"
)


def test_a_new_migration_in_the_range(folder: Path) -> None:
    """A migration that was merged into the range later was not squashed: it needs another version."""
    write("002_late.up.sql")

    assert shown(survey(folder).faults) == [
        [
            "002_late is in the range 001-003 that 003_squashed_core replaces, but was not squashed",
            RENAME,
            "sqlmigrate renumber",
        ]
    ]


KEEP_ONE = (
    "keep the one that databases have in their history (sqlmigrate log), or any if none has; delete the files of the "
    "other, and take back from the archive what only that one replaces"
)


def test_two_squashed_migrations_that_overlap(folder: Path) -> None:
    """They are told once, with what to do: another number would not help."""
    write("004_squashed_all.up.sql", "-- sqlmigrate: replaces 001-004\nselect 1;\n")
    Path("sql/004_d.up.sql").unlink()

    assert shown(survey(folder).faults) == [
        [
            "003_squashed_core and 004_squashed_all replace some of the same migrations: keep one of them",
            KEEP_ONE,
            "git rm sql/004_squashed_all.up.sql",
            "or: git rm sql/003_squashed_core.up.sql",
        ]
    ]


def test_a_file_of_the_archive_that_was_changed(folder: Path) -> None:
    """A database in the middle would execute another text than the one that was squashed: `verify` says so before."""
    for name, text in (("001_a", "select 1;\n"), ("002_b", "select 2 + 2;\n"), ("003_c", "select 3;\n")):
        write(f"squashed/{name}.up.sql", text)

    path = "sql/squashed/002_b.up.sql"
    assert shown(tuple(archive_faults(survey(folder)))) == [
        [
            "sql/squashed/002_b.up.sql: not the text that was squashed into 003_squashed_core",
            "the archive has to stay as it was: take the file from the commit that has put it there",
            f'git checkout "$(git log -n 1 --diff-filter=A --format=%H -- {path})" -- {path}',
        ]
    ]
