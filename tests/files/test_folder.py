"""The folder `sql/`: what is read as a migration, what is refused, what the checksum ignores, and new pairs."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, strategies as st

from sqlmigrate.errors import ConfigError, MigrationError, SqlmigrateError
from sqlmigrate.files import create as creating, file_text, naming
from sqlmigrate.files.create import create
from sqlmigrate.files.folder import load, survey
from sqlmigrate.files.migration import checksum
from sqlmigrate.files.nearby import nearby_folder, way_to_migrations
from sqlmigrate.parsing.script import read
from sqlmigrate.source import Source

NOON = datetime(2026, 2, 13, 12, 5, 30, tzinfo=UTC)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder `sql` in the current directory, as users have it."""
    monkeypatch.chdir(tmp_path)
    Path("sql").mkdir()
    return Path("sql")


def write(folder: Path, *names: str, text: str | bytes = "select 1;\n") -> None:
    for name in names:
        (folder / name).write_bytes(text.encode() if isinstance(text, str) else text)


def pair(label: str) -> tuple[str, str]:
    return f"{label}.up.sql", f"{label}.down.sql"


def faults(error: SqlmigrateError) -> list[str]:
    """Return every error with its place and its hint, as lines of text."""
    return [f"{one} → {one.hint}" if one.hint else str(one) for one in (error, *error.others)]


def refusal(folder: Path) -> list[str]:
    with pytest.raises((MigrationError, ConfigError)) as caught:
        load(folder)
    return faults(caught.value)


# -- load --------------------------------------------------------------------------------------------------------------


def test_a_pair_is_one_migration(folder: Path) -> None:
    """An up and a down file of one name are a migration: version and name as written, texts as on disk."""
    write(folder, "001_create_users.up.sql", text="create table users ();\r\n")
    write(folder, "001_create_users.down.sql", text="drop table users;")

    (migration,) = load(folder)

    assert (migration.version, migration.name, migration.number) == ("001", "create_users", 1)
    assert migration.label == "001_create_users"
    assert migration.up == Source("sql/001_create_users.up.sql", "create table users ();\r\n")
    assert migration.down == Source("sql/001_create_users.down.sql", "drop table users;")


def test_a_migration_without_a_down_file(folder: Path) -> None:
    """A down file may be missing."""
    write(folder, "001_a.up.sql")

    assert [migration.down for migration in load(folder)] == [None]


def test_migrations_are_in_the_order_of_their_versions(folder: Path) -> None:
    """Versions are compared as numbers, time stamps without their underscore, and kept as written."""
    names = ["10_j", "9_i", "0008_h", "20260213_120530_s", "20260213120529_r", "99999999_q", "100_k", "07_g"]
    write(folder, *(f"{name}.up.sql" for name in names))

    assert [migration.label for migration in load(folder)] == [
        "07_g", "0008_h", "9_i", "10_j", "100_k", "99999999_q", "20260213120529_r", "20260213_120530_s",
    ]  # fmt: skip


GOOD_NAMES = {
    "001_create_users": ("001", "create_users", 1),
    "0_zero": ("0", "zero", 0),
    "20260213_120530_add_user_settings_table": ("20260213_120530", "add_user_settings_table", 20260213120530),
    "20260213120530_a": ("20260213120530", "a", 20260213120530),
    "20260213_a": ("20260213", "a", 20260213),
    "20260213_120530": ("20260213", "120530", 20260213),
    "1_v2.0-final": ("1", "v2.0-final", 1),
    "1_a.up": ("1", "a.up", 1),
    "1_größe_表": ("1", "größe_表", 1),
    "1__": ("1", "_", 1),
    "7_8": ("7", "8", 7),
    "123456789012345678901234567890_long": (
        "123456789012345678901234567890", "long", 123456789012345678901234567890,
    ),
}  # fmt: skip


@pytest.mark.parametrize(("label", "expected"), GOOD_NAMES.items(), ids=GOOD_NAMES)
def test_a_file_name_is_version_and_name(label: str, expected: tuple[str, str, int], folder: Path) -> None:
    """VERSION is digits or a time stamp. NAME is letters, digits, `_`, `-` and `.`."""
    write(folder, *pair(label))

    (migration,) = load(folder)

    assert (migration.version, migration.name, migration.number) == expected
    assert migration.label == label
    assert migration.down is not None


def test_other_files_are_ignored(folder: Path) -> None:
    """Files that do not end in `.sql`, hidden files and folders are ignored."""
    write(folder, "001_a.up.sql", "README.md", ".editorconfig", "schema.sql.bak", "notes", ".001_b.up.sql.swp")
    write(folder, ".#001_a.up.sql", text=b"\xff")
    (folder / "archive.sql").mkdir()

    assert [migration.label for migration in load(folder)] == ["001_a"]


def test_an_empty_folder(folder: Path) -> None:
    """An empty folder is not an error: it has no migrations."""
    assert load(folder) == ()


@pytest.mark.parametrize("given", ["sql", "sql/", "./sql", Path("sql")], ids=repr)
def test_a_path_is_shown_as_the_folder_was_given(given: str | Path, folder: Path) -> None:
    """The path of a file in a message begins with the folder as the user wrote it."""
    write(folder, "001_a.up.sql")

    (migration,) = load(given)

    assert migration.up.path == f"{str(given).rstrip('/')}/001_a.up.sql"


def test_links_are_followed(folder: Path, tmp_path: Path) -> None:
    """A migration may be a symbolic link to a file in another folder."""
    (tmp_path / "elsewhere.sql").write_text("select 2;")
    (folder / "001_a.up.sql").symlink_to(tmp_path / "elsewhere.sql")

    assert [migration.up.text for migration in load(folder)] == ["select 2;"]


@pytest.mark.parametrize(
    "size", [0, 1, file_text._PART_SIZE - 1, file_text._PART_SIZE, file_text._PART_SIZE + 1, 300_000]
)
def test_a_file_is_read_whole_whatever_its_size(size: int, folder: Path) -> None:
    """Files are read in parts: sizes around that of a part, and characters across two parts, are read correctly."""
    text = "表" * size
    write(folder, "001_a.up.sql", text=text)

    assert load(folder)[0].up.text == text


# -- refusals ----------------------------------------------------------------------------------------------------------

PATTERN = "is not a migration file name; expected VERSION_NAME.up.sql or VERSION_NAME.down.sql"
NEAREST = {
    "001_create_users.sql": "001_create_users.up.sql",
    "001-create-users.up.sql": "001_create-users.up.sql",
    "001.create.users.up.sql": "001_create.users.up.sql",
    "001_create users.up.sql": "001_create_users.up.sql",
    "001_create_users.UP.SQL": "001_create_users.up.sql",
    "001_create_users.Up.sql": "001_create_users.up.sql",
    "001_create_users_up.sql": "001_create_users.up.sql",
    "001_create_users_down.sql": "001_create_users.down.sql",
    "001_create_users.undo.sql": "001_create_users.down.sql",
    "001.up.sql": "001_name.up.sql",
    "001_.up.sql": "001_name.up.sql",
    "V1__create_users.sql": "1_create_users.up.sql",
    "U1__create_users.sql": "1_create_users.down.sql",
    "create_users.sql": "001_create_users.up.sql",
    "create_users.up.sql": "001_create_users.up.sql",
    "create_users.down.sql": "001_create_users.down.sql",
    "schema.sql": "001_schema.up.sql",
    "20260213_120530.create.sql": "20260213_120530_create.up.sql",
}


@pytest.mark.parametrize(("name", "nearest"), NEAREST.items(), ids=NEAREST)
def test_a_wrong_file_name_is_refused_with_the_nearest_right_one(name: str, nearest: str, folder: Path) -> None:
    """The message says which names are expected, and the hint is such a name."""
    write(folder, name)

    assert refusal(folder) == [f"sql/{name} {PATTERN} → rename it to {nearest}"]
    assert naming.FILE_NAME.fullmatch(nearest)


def test_a_name_without_a_number_gets_the_next_one(folder: Path) -> None:
    """The hint for a file without a version has the next free number, a different one for each file."""
    write(folder, "001_a.up.sql", "014_b.up.sql", "create_users.sql", "create_roles.sql")

    assert refusal(folder) == [
        f"sql/create_roles.sql {PATTERN} → rename it to 015_create_roles.up.sql",
        f"sql/create_users.sql {PATTERN} → rename it to 016_create_users.up.sql",
    ]


TWO_OF_ONE = {
    "one number": (["001_a", "001_b"], 1),
    "leading zeros": (["001_a", "1_b"], 1),
    "leading zeros and one name": (["001_a", "1_a"], 1),
    "a time stamp with and without underscore": (["20260213120530_a", "20260213_120530_b"], 20260213120530),
}


@pytest.mark.parametrize(("labels", "number"), TWO_OF_ONE.values(), ids=TWO_OF_ONE)
def test_two_migrations_of_one_version_are_refused(labels: list[str], number: int, folder: Path) -> None:
    """Both paths are named, even if the versions are written differently."""
    write(folder, *(f"{label}.up.sql" for label in labels))

    assert refusal(folder) == [
        (
            f"2 migrations have version {number}: sql/{labels[0]}.up.sql and sql/{labels[1]}.up.sql"
            " → rename both files of one of them to the next free version; in git, renumber does it"
        )
    ]


@pytest.mark.parametrize(
    ("label", "right"),
    [
        ("2014_10_12_000000_create_users", "20141012_000000_create_users"),
        ("2024_01_15_1200_a", "20240115_120000_a"),
        ("2024_01_15_12_30_45_a", "20240115_123045_a"),
        ("2024_01_15_a", "20240115_000000_a"),
        ("20240101_1200_a", "20240101_120000_a"),
        ("20240101_12_30_a", "20240101_123000_a"),
        ("20260213_1205_a", "20260213_120500_a"),
    ],
)
def test_the_stamp_of_another_tool_is_recognised(label: str, right: str, folder: Path) -> None:
    """Laravel's, and stamps without seconds: only their first part would be the version."""
    write(folder, *pair(label))

    version = label.partition("_")[0]
    assert refusal(folder) == [
        (
            f"sql/{label}.up.sql has the time stamp of another tool: it would be version {version} → "
            f"rename it to {right}.up.sql, and its down file to {right}.down.sql"
        )
    ]


def test_stamps_of_other_tools_get_different_versions(folder: Path) -> None:
    """Two of one minute, or of one day, are some seconds apart afterwards, in the order of their names."""
    write(folder, "20240101_1200_a.up.sql", "20240101_1200_b.up.sql", "20240101_120001_c.up.sql")

    assert [fault.rpartition(" ")[2] for fault in refusal(folder)] == [
        "20240101_120000_a.up.sql", "20240101_120002_b.up.sql",
    ]  # fmt: skip


@pytest.mark.parametrize(
    "label",
    ["2024_13_15_a", "2024_02_31_a", "20240101_2500_a", "2024_budget", "1999_1_2_a", "20240101_999999_a", "2024_1"],
)
def test_other_numbers_are_versions(label: str, folder: Path) -> None:
    """Digits that are not a date belong to the name."""
    write(folder, f"{label}.up.sql")

    assert [each.label for each in load(folder)] == [label]


def test_a_year_and_a_number_are_told_as_such(folder: Path) -> None:
    """`2024_001_a` and `2024_002_b` are most likely not one version."""
    write(folder, "2024_001_a.up.sql", "2024_002_b.up.sql")

    assert refusal(folder) == [
        (
            "2 migrations have version 2024: sql/2024_001_a.up.sql and sql/2024_002_b.up.sql → "
            "a version ends at the first `_`: if they are two, write 2024001_a"
        )
    ]


# -- faults that do not stop everything --------------------------------------------------------------------------------


def test_a_survey_gives_migrations_and_faults(folder: Path) -> None:
    """The faults of a file are also those of its migration; a pair with two names is a pair."""
    write(folder, "001_a.up.sql", "1_a.up.sql", "002_b.up.sql", "002_c.down.sql", "003_d.up.sql", "stray.sql")
    write(folder, "004_e.up.sql", text=b"select '\xff';")
    write(folder, "003_d.down.sql", text=b"select '\0';")

    found = survey(folder)

    assert load(folder, strict=False) == found
    assert [each.label for each in found] == ["001_a", "1_a", "002_b", "003_d", "004_e"]
    assert [len(each.faults) for each in found] == [1, 1, 0, 0, 1]
    assert [len(each.down_faults) for each in found] == [0, 0, 0, 1, 0]
    assert [each.down.path if each.down else None for each in found][2:4] == [
        "sql/002_c.down.sql",
        "sql/003_d.down.sql",
    ]
    assert [fault.message for fault in found.faults] == [
        "PostgreSQL text cannot contain a NUL byte",
        "the byte 0xFF is not UTF-8",
        "sql/stray.sql is not a migration file name; expected VERSION_NAME.up.sql or VERSION_NAME.down.sql",
        "2 migrations have version 1: sql/001_a.up.sql and sql/1_a.up.sql",
        "version 002 has two names: sql/002_b.up.sql and sql/002_c.down.sql",
    ]


# -- folders inside ----------------------------------------------------------------------------------------------------


def inside(folder: Path, *paths: str) -> list[str]:
    """Write files below the folder; return the notes."""
    for path in paths:
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text("select 1;")
    found = survey(folder)
    assert (found.faults, load(folder)) == ((), found)
    return [f"{note.message} → {note.hint}" for note in found.notes]


def test_migrations_in_a_folder_inside_are_noted(folder: Path) -> None:
    """Releases as folders, at any depth that is usual; each with the number of its files."""
    assert inside(folder, "v1/001_a.up.sql", "v1/001_a.down.sql", "2024/q1/V2__b.sql", "001_a.up.sql") == [
        (
            "sql/2024/ holds 1 file named as a migration: only sql/ itself is read → "
            "move them to sql/, or name their folder: --directory sql/2024/q1"
        ),
        (
            "sql/v1/ holds 2 files named as migrations: only sql/ itself is read → "
            "move them to sql/, or name their folder: --directory sql/v1"
        ),
    ]


def test_the_layout_of_diesel_is_noted(folder: Path) -> None:
    """A folder for each migration, with `up.sql` and `down.sql` in it."""
    names = ("00000000000000_diesel_initial_setup", "2024-01-02-000000_a", "2024-01-03-120000_b")
    assert inside(folder, *(f"{name}/{half}.sql" for name in names for half in ("up", "down"))) == [
        (
            "sql/ holds 3 migrations laid out as Diesel does, a folder each: only files of sql/ itself are read → "
            "move sql/00000000000000_diesel_initial_setup/up.sql to sql/00000000000000_diesel_initial_setup.up.sql, "
            "and down.sql likewise"
        )
    ]


def test_the_layout_of_prisma_is_noted(folder: Path) -> None:
    """A folder for each migration, with `migration.sql` in it."""
    assert inside(folder, "20240102000000_init/migration.sql", "migration_lock.toml") == [
        (
            "sql/ holds 1 migration laid out as Prisma does, a folder each: only files of sql/ itself are read → "
            "move sql/20240102000000_init/migration.sql to sql/20240102000000_init.up.sql"
        )
    ]


def test_other_folders_are_passed_over(folder: Path) -> None:
    """Seeds, drafts without a number, hidden folders."""
    assert inside(folder, "seeds/users.sql", ".git/001_a.up.sql", "docs/001_a.md", "data/up.sql") == []


def test_two_down_files_of_one_version_are_refused(folder: Path) -> None:
    """The program does not guess which of two down files belongs to the up file."""
    write(folder, "001_a.up.sql", "001_a.down.sql", "1_a.down.sql")

    assert refusal(folder) == [
        (
            "version 1 has 2 down files: sql/001_a.down.sql and sql/1_a.down.sql"
            " → keep the one that undoes the up file, and delete the rest"
        )
    ]


def test_a_down_file_without_its_up_file_is_refused(folder: Path) -> None:
    """A down file without an up file would never be executed."""
    write(folder, "001_a.down.sql")

    assert refusal(folder) == [
        (
            "sql/001_a.down.sql has no up file"
            " → add sql/001_a.up.sql, or delete the down file: without an up file it is never executed"
        )
    ]


def test_a_pair_with_different_names_is_refused(folder: Path) -> None:
    """The up and the down file of one version must have the same name."""
    write(folder, "001_create_users.up.sql", "001_create_user.down.sql")

    assert refusal(folder) == [
        (
            "version 001 has two names: sql/001_create_users.up.sql and sql/001_create_user.down.sql"
            " → give the up and the down file the same name"
        )
    ]


BAD_TEXTS = {
    "Latin-1": (b"-- first\n-- caf\xe9\n", "sql/001_a.up.sql:2:7: the byte 0xE9 is not UTF-8 → save it as UTF-8"),
    "Latin-1 after wide characters": (
        "-- 表😀\r\n-- ".encode() + b"\xfc",
        "sql/001_a.up.sql:2:4: the byte 0xFC is not UTF-8 → save it as UTF-8",
    ),
    "Latin-1 after a byte order mark": (
        b"\xef\xbb\xbf\xe9",
        "sql/001_a.up.sql:1:1: the byte 0xE9 is not UTF-8 → save it as UTF-8",
    ),
    "an encoded surrogate": (
        b"select '\xed\xa0\x80'",
        "sql/001_a.up.sql:1:9: the byte 0xED is not UTF-8 → save it as UTF-8",
    ),
    "ends inside a character": (
        "表".encode()[:2],
        "sql/001_a.up.sql:1:1: the byte 0xE8 is not UTF-8 → save it as UTF-8",
    ),
    "UTF-16": ("select 1".encode("utf-16"), "sql/001_a.up.sql is UTF-16, but must be UTF-8 → save it as UTF-8"),
    "UTF-16, the other way round": (
        b"\xfe\xff" + "select 1".encode("utf-16-be"),
        "sql/001_a.up.sql is UTF-16, but must be UTF-8 → save it as UTF-8",
    ),
    "a NUL byte": (
        b"select 1;\nselect '\0'",
        "sql/001_a.up.sql:2:9: PostgreSQL text cannot contain a NUL byte → remove it",
    ),
}


@pytest.mark.parametrize(("text", "expected"), BAD_TEXTS.values(), ids=BAD_TEXTS)
def test_a_text_that_postgresql_would_not_accept_is_refused(text: bytes, expected: str, folder: Path) -> None:
    """A byte that is not UTF-8, or a NUL byte, is reported with its line and column."""
    write(folder, "001_a.up.sql", text=text)

    assert refusal(folder) == [expected]


def test_a_broken_link_is_refused(folder: Path) -> None:
    """A file that cannot be opened is named, with the message of the operating system."""
    (folder / "001_a.up.sql").symlink_to("gone.sql")

    assert refusal(folder) == [
        (
            "sql/001_a.up.sql cannot be read: No such file or directory"
            " → it is a symbolic link to a file that does not exist"
        )
    ]


def test_a_single_file_that_does_not_exist(folder: Path) -> None:
    """A file that is read by its name alone may not exist: the message is that of the operating system."""
    with pytest.raises(MigrationError) as caught:
        file_text.read(f"{folder}/gone.sql")

    assert faults(caught.value) == ["sql/gone.sql cannot be read: No such file or directory"]


def test_every_fault_of_the_folder_is_reported_at_once(folder: Path) -> None:
    """Wrong names, wrong texts and wrong pairs are one error with others; those have no others of their own."""
    write(folder, "001_a.up.sql", "1_b.up.sql", "002_c.down.sql", "003_d.up.sql", "003_e.down.sql", "f.sql")
    write(folder, "004_g.up.sql", text=b"\xff\xff")
    write(folder, "005_h.down.sql", text=b"\0")

    with pytest.raises(MigrationError) as caught:
        load(folder)

    assert sorted(str(one).split(" → ")[0] for one in (caught.value, *caught.value.others)) == [
        "2 migrations have version 1: sql/001_a.up.sql and sql/1_b.up.sql",
        "sql/002_c.down.sql has no up file",
        "sql/004_g.up.sql:1:1: the byte 0xFF is not UTF-8",
        "sql/005_h.down.sql has no up file",
        "sql/005_h.down.sql:1:1: PostgreSQL text cannot contain a NUL byte",
        f"sql/f.sql {PATTERN}",
        "version 003 has two names: sql/003_d.up.sql and sql/003_e.down.sql",
    ]
    assert all(one.others == () for one in caught.value.others)


@pytest.mark.usefixtures("folder")
def test_no_such_folder(tmp_path: Path) -> None:
    """The error names the missing folder, where it was looked for, and how to create it."""
    with pytest.raises(ConfigError) as caught:
        load("migrations")

    assert faults(caught.value) == [
        (
            "the folder `migrations` does not exist"
            " → choose another folder with --directory, or create it together with the first migration"
        )
    ]
    assert caught.value.detail == (f"looked for {tmp_path}/migrations",)
    assert caught.value.next_steps == ('sqlmigrate create "my first table"',)


LIKELY = {  # where the migrations are, where the program is called, what was named, and the folder that is suggested
    "a usual place": ("db/migrations", ".", "sql", "db/migrations"),
    "above": ("sql", "tests/unit", "sql", "../../sql"),
    "the current folder itself": ("sql", "sql", "sql", "."),
    "inside the folder that was named": ("db/changes", ".", "db", "db/changes"),
}


@pytest.mark.parametrize("places", LIKELY.values(), ids=LIKELY)
def test_a_likely_folder_is_suggested(
    places: tuple[str, str, str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If there are migrations near the wrong folder, the error names them, with the flag to type."""
    migrations, here, named, suggested = places
    for path in (tmp_path / migrations, tmp_path / here):
        path.mkdir(parents=True, exist_ok=True)
    (tmp_path / migrations / "001_a.up.sql").write_text("create table a ();")
    monkeypatch.chdir(tmp_path / here)

    assert nearby_folder(named) == suggested
    if not Path(named).exists():
        with pytest.raises(ConfigError) as caught:
            load(named)
        where = "the current folder" if suggested == "." else suggested
        assert caught.value.detail == (f"looked for {tmp_path / here / named}", f"there are migrations in {where}")
        command = "cd .." if suggested == "." else f"sqlmigrate status --directory {suggested}"
        assert caught.value.next_steps == (command,)


def test_inside_the_folder_of_migrations(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Inside `sql/` there is no `sql/`: to leave the folder is offered, not to create another one."""
    (tmp_path / "sql").mkdir()
    (tmp_path / "sql" / "001_a.up.sql").write_text("create table a ();")
    monkeypatch.chdir(tmp_path / "sql")

    with pytest.raises(ConfigError) as caught:
        load("sql")

    assert caught.value.hint == "you are inside the folder of migrations: leave it"
    assert caught.value.next_steps == ("cd ..",)


def test_a_folder_name_with_a_space_can_be_pasted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The path in the command is quoted for the shell."""
    (tmp_path / "my shop").mkdir()
    (tmp_path / "my shop" / "001_a.up.sql").write_text("create table a ();")
    (tmp_path / "empty").mkdir()
    monkeypatch.chdir(tmp_path / "empty")

    hint, commands = way_to_migrations("..") or ("", [])

    assert hint == "name the folder of the migrations with --directory"
    assert commands == ["sqlmigrate status --directory '../my shop'"]


OTHERS = {
    "dbmate": ("db/migrations/20260101000000_users.sql", "db/migrations"),
    "Flyway": ("src/main/resources/db/migration/V1__users.sql", "src/main/resources/db/migration"),
    "graphile-migrate": ("migrations/committed/000001.sql", "migrations"),
    "Rails": ("db/migrate/20260101000000_users.rb", "db/migrate"),
}


@pytest.mark.parametrize("tool", OTHERS)
def test_the_files_of_another_tool_lead_to_adopt(tool: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever comes with a past is not told to create a first table."""
    file, folder = OTHERS[tool]
    (tmp_path / file).parent.mkdir(parents=True)
    (tmp_path / file).write_text("-- a migration")
    monkeypatch.chdir(tmp_path)

    with pytest.raises(ConfigError) as caught:
        load("sql")

    assert caught.value.hint == f"the files in `{folder}` look like those of another tool: see what can be taken over"
    assert caught.value.next_steps == (f"sqlmigrate adopt --from {folder}",)


def test_a_plan_leads_to_adopt(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Sqitch keeps its folders beside a plan."""
    (tmp_path / "sqitch.plan").write_text("%project=shop\n")
    monkeypatch.chdir(tmp_path)

    hint, commands = way_to_migrations("sql") or ("", [])

    assert hint == "`sqitch.plan` belongs to Sqitch: see what can be taken over"
    assert commands == ["sqlmigrate adopt"]


@pytest.mark.usefixtures("folder")
def test_nothing_is_suggested_without_migrations(tmp_path: Path) -> None:
    """Files of another kind make no folder of migrations."""
    (tmp_path / "db").mkdir()
    (tmp_path / "db" / "seed.sql").write_text("select 1;")

    assert nearby_folder("sql") is None


def test_a_file_instead_of_a_folder(folder: Path) -> None:
    """If the folder is a file, it is refused."""
    write(folder, "001_a.up.sql")

    assert refusal(folder / "001_a.up.sql") == [
        "`sql/001_a.up.sql` is a file, not a folder → choose a folder with --directory"
    ]


# -- the checksum ------------------------------------------------------------------------------------------------------

TEXT = "create table a (\n    b text default 'x\n'\n);\n\n-- end"
SAME = {
    "CRLF": TEXT.replace("\n", "\r\n"),
    "a byte order mark": "\ufeff" + TEXT,
    "a trailing newline": TEXT + "\n",
    "many trailing newlines": TEXT + "\n\n\n",
    "all of them": "\ufeff" + TEXT.replace("\n", "\r\n") + "\r\n\r\n",
}
OTHER = {
    "a blank at the end of the text": TEXT + " ",
    "a blank at the end of a line": TEXT.replace("(\n", "( \n"),
    "a lone carriage return": TEXT.replace("\n", "\r"),
    "a newline at the head": "\n" + TEXT,
    "a second byte order mark": "\ufeff\ufeff" + TEXT,
    "upper case": TEXT.upper(),
    "an empty line less": TEXT.replace("\n\n", "\n"),
}


@pytest.mark.parametrize("text", SAME.values(), ids=SAME)
def test_what_the_checksum_ignores(text: str, folder: Path) -> None:
    """Line endings, a byte order mark and newlines at the end do not change the checksum."""
    write(folder, "001_a.up.sql", text=text)

    assert checksum(text) == checksum(TEXT)
    assert load(folder)[0].checksum == checksum(TEXT)


@pytest.mark.parametrize("text", OTHER.values(), ids=OTHER)
def test_every_other_change_changes_the_checksum(text: str) -> None:
    """Every change that could matter changes the checksum."""
    assert checksum(text) != checksum(TEXT)


def test_how_the_checksum_is_computed() -> None:
    """It is the SHA-256 of the text with LF and one newline at the end, so other programs can compute it."""
    assert checksum("\ufeffselect 1;\r\nselect 'é';") == hashlib.sha256("select 1;\nselect 'é';\n".encode()).hexdigest()
    assert checksum("") == checksum("\n") == hashlib.sha256(b"\n").hexdigest()


@given(st.text(alphabet="a \n\t'", max_size=12), st.integers(0, 3))
def test_no_text_changes_by_what_the_checksum_ignores(text: str, newlines: int) -> None:
    """For every text, line endings, a byte order mark and newlines at the end do not change the checksum."""
    assert checksum("\ufeff" + (text + "\n" * newlines).replace("\n", "\r\n")) == checksum(text)


# -- create ------------------------------------------------------------------------------------------------------------

NEXT = {
    "an empty folder": ([], "001_x"),
    "after the newest": (["001_a", "002_b"], "003_x"),
    "after the newest, not in a gap": (["001_a", "007_b"], "008_x"),
    "as wide as the newest": (["00009_a"], "00010_x"),
    "two digits": (["08_a", "09_b"], "10_x"),
    "two digits, full": (["09_a", "10_b"], "11_x"),
    "numbers that are not padded": (["1_a", "2_b"], "3_x"),
    "numbers that are not padded, two digits": (["9_a", "10_b"], "11_x"),
    "a width that is full": (["999_a"], "1000_x"),
    "after a width that was full": (["999_a", "1000_b"], "1001_x"),
    "days": (["20260212_a"], "20260213_x"),
    "time stamps": (["20260101_000000_a"], "20260213_120530_x"),
    "time stamps without underscore": (["20260101000000_a"], "20260213120530_x"),
    "numbers, then time stamps": (["001_a", "20260101_000000_b"], "20260213_120530_x"),
}


@pytest.mark.parametrize(("labels", "expected"), NEXT.values(), ids=NEXT)
def test_a_new_pair_comes_after_the_newest(labels: list[str], expected: str, folder: Path) -> None:
    """It has a number or a time stamp, like the newest migration, and becomes the newest."""
    write(folder, *(f"{label}.up.sql" for label in labels))

    up, down = create("sql", "x", now=NOON)

    assert (up, down) == (Path(f"sql/{expected}.up.sql"), Path(f"sql/{expected}.down.sql"))
    assert [migration.label for migration in load(folder)] == [*labels, expected]


def test_a_time_stamp_on_request(folder: Path) -> None:
    """`timestamp` makes a time stamp in a folder with numbers too."""
    write(folder, "001_a.up.sql")

    assert create("sql", "x", now=NOON, timestamp=True)[0] == Path("sql/20260213_120530_x.up.sql")


TITLES = {
    "add user settings table": "add_user_settings_table",
    "Add User-Settings v2.0": "add_user-settings_v2.0",
    "  a  b\tc  ": "a_b_c",
    "orders/customers": "orders_customers",
    "../../etc/passwd": "etc_passwd",
    "größe 表": "größe_表",
    "__init__": "init",
    "what's new?": "what_s_new",
    "a.up": "a.up",
    "2": "2",
}


@pytest.mark.parametrize(("title", "name"), TITLES.items(), ids=TITLES)
def test_a_title_becomes_a_name(title: str, name: str, folder: Path) -> None:
    """Letters, digits, dots and dashes stay, everything else becomes an underscore: no path leaves the folder."""
    up, _ = create("sql", title, now=NOON)

    assert up == Path(f"sql/001_{name}.up.sql")
    assert load(folder)[0].name == name


@pytest.mark.usefixtures("folder")
def test_the_folder_is_created() -> None:
    """The first migration creates its folder, with the parents of it."""
    up, _ = create("db/changes", "x", now=NOON)

    assert up == Path("db/changes/001_x.up.sql")
    assert up.exists()


@pytest.mark.usefixtures("folder")
def test_the_new_files_say_what_they_are_for() -> None:
    """Both begin with the title, contain only comments, and end with an empty line to write on."""
    up, down = (path.read_text(encoding="utf-8") for path in create("sql", "Add users", now=NOON))

    assert up.startswith("-- Add users\n--\n")
    assert down.startswith("-- Rolls back: Add users\n--\n")
    for text in (up, down):
        assert text.endswith("\n\n")
        assert all(line.startswith("--") for line in text.rstrip().splitlines())


@given(st.text(max_size=30) | st.sampled_from(["a\ndrop table users;", "a\r;b", "a\0b", "{x}", "caf\udce9", "/* a"]))
def test_no_title_makes_a_file_that_does_something(title: str) -> None:
    """Whatever the title is, the new pair contains no statement and no directive, and can be loaded."""
    with TemporaryDirectory() as directory:
        try:
            create(directory, title, now=NOON)
        except ConfigError:
            assert list(Path(directory).iterdir()) == []
            return
        (migration,) = load(directory)
        assert migration.down is not None
        for source in (migration.up, migration.down):
            script = read(source)
            assert (script.statements, script.directives) == ((), ())


REFUSED_TITLES = {
    "nothing": ("", "the title `` has no letter or digit, so a file cannot be named after it"),
    "only signs": ("?!", "the title `?!` has no letter or digit, so a file cannot be named after it"),
    "only underscores and dots": ("_._", "the title `_._` has no letter or digit, so a file cannot be named after it"),
}


@pytest.mark.parametrize(("title", "message"), REFUSED_TITLES.values(), ids=REFUSED_TITLES)
def test_a_title_without_a_letter_is_refused(title: str, message: str, folder: Path) -> None:
    """A title must make a name; the hint shows an example."""
    with pytest.raises(ConfigError) as caught:
        create("sql", title, now=NOON)

    assert faults(caught.value) == [f'{message} → for example: sqlmigrate create "add user settings table"']
    assert load(folder) == ()


def test_a_name_that_is_taken_is_refused(folder: Path) -> None:
    """Two migrations of one name could be confused."""
    write(folder, "001_add_users.up.sql")

    with pytest.raises(ConfigError) as caught:
        create("sql", "Add users", now=NOON)

    assert faults(caught.value) == [
        "sql/001_add_users.up.sql already has this name → choose a title that tells the two apart"
    ]


@pytest.mark.parametrize("newest", ["20260213_120530", "20260213120530", "20260213_120531"])
def test_a_time_stamp_that_is_not_the_newest_is_refused(newest: str, folder: Path) -> None:
    """With a clock that is slow, the new migration would be out of order."""
    write(folder, f"{newest}_a.up.sql")
    stamp = "20260213_120530" if "_" in newest else "20260213120530"

    with pytest.raises(ConfigError) as caught:
        create("sql", "x", now=NOON)

    assert faults(caught.value) == [
        (
            f"the time stamp {stamp} is not newer than the newest migration, {newest}_a"
            " → wait a second and try again, or check the clock of this machine"
        )
    ]
    assert len(load(folder)) == 1


def test_a_folder_with_faults_gets_no_new_pair(folder: Path) -> None:
    """If the versions are in doubt, no new one is chosen."""
    write(folder, "001_a.up.sql", "1_b.up.sql")

    with pytest.raises(MigrationError):
        create("sql", "x", now=NOON)

    assert sorted(path.name for path in folder.iterdir()) == ["001_a.up.sql", "1_b.up.sql"]


def test_both_files_are_written_or_neither(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """If the second file cannot be written, the first is deleted again, and existing files are not touched."""
    (folder / "001_x.down.sql").symlink_to("gone.sql")
    monkeypatch.setattr(creating, "load", lambda _folder: ())  # the real one would refuse the folder

    with pytest.raises(ConfigError) as caught:
        create("sql", "x", now=NOON)

    assert faults(caught.value) == ["sql/001_x.down.sql cannot be written: File exists"]
    assert [path.name for path in folder.iterdir()] == ["001_x.down.sql"]


def test_existing_files_are_not_overwritten(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that was created in the meantime is not changed."""
    write(folder, "001_x.up.sql", text="precious")
    monkeypatch.setattr(creating, "load", lambda _folder: ())  # as if the file was created after the folder was read

    with pytest.raises(ConfigError) as caught:
        create("sql", "x", now=NOON)

    assert faults(caught.value) == ["sql/001_x.up.sql cannot be written: File exists"]
    assert (folder / "001_x.up.sql").read_text() == "precious"


def test_a_name_that_is_too_long_is_refused(folder: Path) -> None:
    """The message is that of the operating system, and no file is left behind."""
    with pytest.raises(ConfigError) as caught:
        create("sql", "x" * 250, now=NOON)

    assert faults(caught.value) == [f"sql/001_{'x' * 250}.up.sql cannot be written: File name too long"]
    assert list(folder.iterdir()) == []


@pytest.fixture
def without_root() -> Iterator[None]:
    """Drop root's rights for one test: root may read and write everything."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)


def test_missing_permissions(folder: Path, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    """A folder or file that the user may not read or write is named, and how to change that."""
    write(folder, "001_a.up.sql")
    Path("closed").mkdir()
    tmp_path.chmod(0o511)
    folder.chmod(0o755)
    (folder / "001_a.up.sql").chmod(0)
    Path("closed").chmod(0)
    request.getfixturevalue("without_root")

    assert refusal(folder) == [
        (
            "sql/001_a.up.sql cannot be read: Permission denied"
            " → give the user who runs sqlmigrate the right to read it: chmod u+r sql/001_a.up.sql"
        )
    ]
    assert refusal(Path("closed")) == [
        (
            "the folder `closed` cannot be read: Permission denied"
            " → give the user who runs sqlmigrate the right to read it: chmod u+rx closed"
        )
    ]
    with pytest.raises(ConfigError) as caught:
        create("new", "x", now=NOON)
    assert faults(caught.value) == ["new cannot be written: Permission denied"]


def test_files_for_other_systems_are_not_executed(folder: Path) -> None:
    """A folder for several database systems: the files for the others are told in one line, and are not migrations."""
    write(folder, "001_a.mysql.up.sql", "001_a.sqlite.up.sql", "001_a.postgres.up.sql", "001_a.down.sql")
    write(folder, "002_b.cockroach.autocommit.up.sql", "002_b.up.sql", "002_b.down.sql", "003_v6.0.up.sql")

    found = survey(folder)

    assert [migration.label for migration in found] == ["001_a.postgres", "002_b", "003_v6.0"]
    assert [f"{fault} → {fault.hint}" for fault in found.faults] == [
        (
            "sql/001_a.mysql.up.sql and 2 more files are named for cockroach, mysql, sqlite: not executed"
            " → move the files for other database systems to another folder, or rename what is for PostgreSQL"
        ),
        (
            "version 001 has two names: sql/001_a.postgres.up.sql and sql/001_a.down.sql"
            " → give the up and the down file the same name"
        ),
    ]
