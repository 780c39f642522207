"""A folder with faults: all faults are reported at once, and nothing is executed."""

from __future__ import annotations

import ctypes
import json
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import children
import database_state
import pytest
from in_process import Quick, said
from postgres_servers import Server
from terminal import Ended, Terminal

from sqlmigrate.errors import MigrationError
from sqlmigrate.files.folder import load

COMMANDS = {
    "status": ["status"],
    "up": ["up"],
    "up --dry-run": ["up", "--dry-run"],
    "down": ["down"],
    "verify": ["verify"],
    "reset": ["reset", "--yes"],
    "baseline": ["baseline", "1"],
    "repair": ["repair", "1"],
    "create": ["create", "add orders"],
}
EXECUTING = ("up", "up --dry-run", "down", "reset")


@pytest.fixture(scope="module")
def untouched(postgres: Server) -> Iterator[str]:
    """The URL of an empty database. The tests that use it leave it empty."""
    with postgres.database() as url:
        yield url


@pytest.fixture
def refusing(tmp_path: Path, untouched: str) -> Quick:
    """The program in an empty folder, on that database."""
    return Quick(tmp_path, {"DATABASE_URL": untouched})


@pytest.fixture
def quick(tmp_path: Path, database: str) -> Quick:
    return Quick(tmp_path, {"DATABASE_URL": database})


# -- names -------------------------------------------------------------------------------------------------------------

EVERY_FAULT = """\
error: sql/002_b.up.sql cannot be read: No such file or directory
   hint    it is a symbolic link to a file that does not exist

error: the byte 0xE9 is not UTF-8
  ──▶ sql/003_c.up.sql:2:10
   │
 1 │ create table c ();
 2 │ -- déjà t�
   │          ^
   │
   hint    save it as UTF-8

error: PostgreSQL text cannot contain a NUL byte
  ──▶ sql/004_d.down.sql:1:8
   │
 1 │ select �;
   │        ^
   │
   hint    remove it

error: sql/add_orders.sql is not a migration file name; expected VERSION_NAME.up.sql or VERSION_NAME.down.sql
   hint    rename it to 007_add_orders.up.sql

error: 2 migrations have version 1: sql/001_a.up.sql and sql/1_a.up.sql
   hint    rename both files of one of them to the next free version; in git, renumber does it
   next    sqlmigrate renumber

error: sql/005_e.down.sql has no up file
   hint    add sql/005_e.up.sql, or delete the down file: without an up file it is never executed

error: version 006 has two names: sql/006_f.up.sql and sql/006_g.down.sql
   hint    give the up and the down file the same name

7 errors"""


def _every_fault(folder: Path) -> None:
    for name in ("001_a.up.sql", "1_a.up.sql", "004_d.up.sql", "005_e.down.sql", "006_f.up.sql", "006_g.down.sql"):
        (folder / name).write_text("create table touched ();")
    (folder / "002_b.up.sql").symlink_to("gone.sql")
    (folder / "003_c.up.sql").write_bytes("create table c ();\n-- déjà t".encode() + b"\xe9")
    (folder / "004_d.down.sql").write_bytes(b"select \0;")
    (folder / "add_orders.sql").write_text("create table touched ();")
    (folder / "README.md").write_text("left alone")


@pytest.mark.parametrize("name", ["verify", "reset", "create"])
def test_every_fault_is_reported_at_once(name: str, refusing: Quick, untouched: str) -> None:
    """All faults come in one message, with exit 1. Commands that execute say that nothing was executed."""
    refusing.write()
    _every_fault(refusing.folder / "sql")

    ended = refusing(*COMMANDS[name])

    ending = ", nothing was executed\n" if name in EXECUTING else "\n"
    assert said(ended) == EVERY_FAULT + ending
    assert ended.stdout == ""
    assert ended.code == 1
    assert database_state.is_untouched(untouched)


@pytest.mark.parametrize("name", ["up", "up --dry-run"])
def test_up_reports_every_fault_of_what_it_would_execute(name: str, refusing: Quick, untouched: str) -> None:
    """All pending files are read before anything is executed; a stray file and a lone down file stop nothing."""
    refusing.write()
    _every_fault(refusing.folder / "sql")

    ended = refusing(*COMMANDS[name])

    shared, link, bytes_, nul = (EVERY_FAULT.split("\n\nerror: ")[index] for index in (4, 0, 1, 2))
    blocks = (shared, link.removeprefix("error: "), bytes_, nul)
    assert said(ended) == "\n\n".join(f"error: {each}" for each in blocks) + "\n\n4 errors, nothing was executed\n"
    assert (ended.stdout, ended.code) == ("", 1)
    assert database_state.is_untouched(untouched)


def test_up_to_a_version_below_the_faults(quick: Quick) -> None:
    """Faults above `--to` are notes: the first three, a line each, and how many more."""
    quick.write()
    _every_fault(quick.folder / "sql")
    (quick.folder / "sql" / "000_first.up.sql").write_text("create table first ();")

    ended = quick("up", "--to", "0")

    assert ended.code == 0
    assert ended.stderr == (
        "⚠️ note: sql/002_b.up.sql cannot be read: No such file or directory: "
        "it is a symbolic link to a file that does not exist\n"
        "⚠️ note: sql/003_c.up.sql:2:10: the byte 0xE9 is not UTF-8: save it as UTF-8\n"
        "⚠️ note: sql/004_d.down.sql:1:8: PostgreSQL text cannot contain a NUL byte: remove it\n"
        "⚠️ and 4 more notes: sqlmigrate verify\n"
    )
    assert "✅ 000_first" in ended.stdout


def test_what_stops_nothing(quick: Quick) -> None:
    """A stray file, a down file without its up file, a pair with two names: executed, noted, and undone."""
    texts = {
        "001_a.up.sql": "create table a ();",
        "001_b.down.sql": "drop table a;",
        "002_c.down.sql": "drop table c;",
        "notes.sql": "create table stray ();",
    }
    quick.write(**texts)
    notes = (
        "⚠️ note: sql/notes.sql is not a migration file name; expected VERSION_NAME.up.sql or VERSION_NAME.down.sql: "
        "rename it to 003_notes.up.sql\n"
        "⚠️ note: sql/002_c.down.sql has no up file: "
        "add sql/002_c.up.sql, or delete the down file: without an up file it is never executed\n"
        "⚠️ note: version 001 has two names: sql/001_a.up.sql and sql/001_b.down.sql: "
        "give the up and the down file the same name\n"
    )

    for command in (["up", "--dry-run"], ["up"], ["up"], ["down"]):
        ended = quick(*command)
        assert (ended.stderr, ended.code) == (notes, 0), command
    status = quick("status")
    assert (status.code, notes in status.stdout) == (0, True)
    assert quick("verify").code == 1


def test_a_second_file_of_a_version_that_is_executed(quick: Quick) -> None:
    """It was not executed: `up` refuses it, below `--to` it stops nothing, and `status` shows it as pending."""
    quick.write(**{"001_a.up.sql": "create table a ();", "002_b.up.sql": "create table b ();"})
    quick("up", "--to", "1")
    quick.write(**{"003_c.up.sql": "create table c ();", "003_d.up.sql": "create table d ();"})
    fault = "2 migrations have version 3: sql/003_c.up.sql and sql/003_d.up.sql"

    ended = quick("up", "--to", "2")

    assert (ended.code, "✅ 002_b" in ended.stdout) == (0, True)
    assert ended.stderr == (
        f"⚠️ note: {fault}: rename both files of one of them to the next free version; in git, renumber does it\n"
    )
    refused = quick("up")
    assert (refused.code, refused.stderr.startswith(f"error: {fault}\n")) == (1, True)
    assert said(quick("status")).count("pending\n") == 2


def test_two_files_of_one_version_below_a_baseline(quick: Quick) -> None:
    """Both are declared, so they stop nothing; no hint leads to one of them being executed again."""
    quick.write(**{"001_a.up.sql": "create table a ();", "001_b.up.sql": "create table b ();"})
    quick.write(**{"002_c.up.sql": "create table c ();"})
    assert quick("baseline", "1", "--yes").code == 0

    ended = quick("up")

    assert (ended.code, "✅ 002_c" in ended.stdout) == (0, True)
    assert ended.stderr == "⚠️ note: 2 migrations have version 1: sql/001_a.up.sql and sql/001_b.up.sql\n"
    assert quick("status", "--check").code == 0
    assert "2 migrations have version 1" in quick("verify").stderr


def test_a_broken_file_below_a_baseline(quick: Quick) -> None:
    """A file in another encoding, or with a text that is not SQL, was never executed here, and stops nothing."""
    quick.write(**{"002_b.up.sql": "select 'open;", "003_c.up.sql": "create table c ();"})
    (quick.folder / "sql" / "001_a.up.sql").write_bytes(b"select '\xe9';")
    assert quick("baseline", "2").code == 0

    ended = quick("up")

    assert (ended.code, "✅ 003_c" in ended.stdout) == (0, True)
    assert ended.stderr == "⚠️ note: sql/001_a.up.sql:1:9: the byte 0xE9 is not UTF-8: save it as UTF-8\n"
    assert quick("status", "--check").code == 0


def test_a_pending_file_with_the_stamp_of_another_tool(quick: Quick) -> None:
    """`up` and `baseline` refuse it with its right name, and `status` notes it."""
    quick.write(**{"2014_10_12_000000_create_users.up.sql": "create table users ();"})

    for command in (["up"], ["up", "--dry-run"], ["baseline", "2014"], ["verify"]):
        ended = quick(*command)
        assert ended.code == 1
        assert "hint    rename it to 20141012_000000_create_users.up.sql\n" in ended.stderr
    assert "rename it to 20141012_000000_create_users.up.sql" in quick("status").stdout


def test_a_folder_of_another_tool(quick: Quick) -> None:
    """If no file has a right name, `up` says what is wrong with them; no hint renames a file with both directions."""
    quick.write(**{"001_users.sql": "-- migrate:up\ncreate table users ();\n-- migrate:down\ndrop table users;\n"})

    for command in ("up", "verify"):
        ended = quick(command)
        assert ended.code == 1
        assert ended.stderr.startswith("error: sql/001_users.sql keeps both directions in one file, as dbmate does\n")
        assert "sql/001_users.sql:3:1" in ended.stderr
        assert "rename" not in ended.stderr
    status = quick("status")
    assert "note: sql/001_users.sql:3:1: sql/001_users.sql keeps both directions" in status.stdout
    assert "rename" not in status.stdout


def test_notes_for_programs(quick: Quick) -> None:
    """As JSON the notes of a run are in the first event, those of `status` and `verify` under the same key."""
    (quick.folder / "sql" / "v1").mkdir(parents=True)
    quick.write(**{"001_a.up.sql": "create table a ();", "v1/001_x.up.sql": "select 1;"})
    note = {
        "kind": "MigrationError", "exit_code": 1,
        "message": "sql/v1/ holds 1 file named as a migration: only sql/ itself is read",
        "hint": "move them to sql/, or name their folder: --directory sql/v1", "next": [],
    }  # fmt: skip

    assert json.loads(quick("status", "--format", "json").stdout)["notes"] == [note]
    assert json.loads(quick("verify", "--format", "json").stdout)["notes"] == [note]
    assert json.loads(quick("up", "--format", "json").stdout.splitlines()[0])["notes"] == [note]


def test_faults_for_programs(refusing: Quick, untouched: str) -> None:
    """As JSON every fault is one object, with file, line and column if it has a place; stdout stays empty."""
    refusing.write(**{"001_a.up.sql": "", "1_b.up.sql": ""})
    (refusing.folder / "sql" / "002_c.up.sql").write_bytes(b"select 1;\n\xff")

    ended = refusing("verify", "--format", "json")

    assert ended.stdout == ""
    assert ended.code == 1
    assert json.loads(ended.stderr) == {
        "error": [
            {
                "kind": "MigrationError", "message": "the byte 0xFF is not UTF-8", "exit_code": 1,
                "file": "sql/002_c.up.sql", "line": 2, "column": 1,
                "hint": "save it as UTF-8", "next": [],
            },
            {
                "kind": "MigrationError", "exit_code": 1, "reason": "shared-version",
                "message": "2 migrations have version 1: sql/001_a.up.sql and sql/1_b.up.sql",
                "hint": "rename both files of one of them to the next free version; in git, renumber does it",
                "next": ["sqlmigrate renumber"],
            },
        ]
    }  # fmt: skip
    assert database_state.is_untouched(untouched)


# File names of other tools, and typing errors, each with the name that the user probably intended.
NEAREST = {
    "001_a.upp.sql": "001_a.up.sql",
    "001_a.dwon.sql": "001_a.down.sql",
    "001_a.up.sql.sql": "001_a.up.sql",
    "001_a.do.sql": "001_a.up.sql",
    "001_a.rollback.sql": "001_a.down.sql",
    "001_roll_up_totals.sql": "001_roll_up_totals.up.sql",
    "001_down_payment.sql": "001_down_payment.up.sql",
    "001_startup.sql": "001_startup.up.sql",
    "up_001_a.sql": "001_a.up.sql",
    "down-001_a.sql": "001_a.down.sql",
    "_001_a.up.sql": "001_a.up.sql",
    "001 a b.up.sql": "001_a_b.up.sql",
    "001_größe.sql": "001_größe.up.sql",
    "v001_a.up.sql": "001_a.up.sql",
    "001a.up.sql": "001_a.up.sql",
    "V2__b.sql": "2_b.up.sql",
    "R__views.sql": "001_views.up.sql",
    "2026-02-13_a.sql": "20260213_a.up.sql",
    "2026-02-13-120530_a.up.sql": "20260213_120530_a.up.sql",
    "20260213T120530_a.up.sql": "20260213_120530_a.up.sql",
    "20260213120530.sql": "20260213120530_name.up.sql",
    "20240102120000_create_users.sql": "20240102120000_create_users.up.sql",
    "2014_10_12_000000_create_users.sql": "20141012_000000_create_users.up.sql",
    "2024_01_02_a.sql": "20240102_000000_a.up.sql",
    "20240101_1200_b.sql": "20240101_120000_b.up.sql",
    "2024-01-02-1200_x.down.sql": "20240102_120000_x.down.sql",
    "1609459200000-CreateUsers.sql": "1609459200000_createusers.up.sql",
    "20240101120000-create-users.sql": "20240101120000_create-users.up.sql",
    "\u06f1_a.up.sql": "001_\u06f1_a.up.sql",
    "001_a\x1b[31m.up.sql": "001_a_31m.up.sql",
}


@pytest.mark.parametrize(("name", "nearest"), NEAREST.items(), ids=NEAREST)
def test_the_nearest_right_name(name: str, nearest: str, tmp_path: Path) -> None:
    """The hint is the intended name, and a file of that name is read."""
    (tmp_path / name).touch()

    with pytest.raises(MigrationError) as caught:
        load(tmp_path)

    assert caught.value.hint == f"rename it to {nearest}"
    (tmp_path / name).unlink()
    (tmp_path / nearest.replace(".down.", ".up.")).touch()
    assert len(load(tmp_path)) == 1


def test_renaming_as_the_hints_say_removes_all_faults(tmp_path: Path) -> None:
    """No hint names an existing file, and no two hints name the same file: renaming all of them loses nothing."""
    right = ["001_a.up.sql", "002_c.down.sql"]
    wrong = ["001_a.sql", "001-a.sql", "001_b.sql", "002_c.sql", "data.sql", "schema.sql", "U1__a.sql"]
    for name in right + wrong:
        (tmp_path / name).write_text(f"-- {name}")

    with pytest.raises(MigrationError) as caught:
        load(tmp_path)
    for error in (caught.value, *caught.value.others):
        old, _, rest = error.message.partition(" is not a migration file name")
        if rest:
            new = tmp_path / str(error.hint).removeprefix("rename it to ")
            assert not new.exists()
            Path(old).rename(new)

    migrations = load(tmp_path)
    texts = [source.text for each in migrations for source in (each.up, each.down) if source]
    assert sorted(texts) == sorted(f"-- {name}" for name in right + wrong)


# -- files that cannot be read -----------------------------------------------------------------------------------------


def _without_privileges() -> None:
    """Remove root's right to read everything: PR_CAPBSET_DROP of CAP_DAC_OVERRIDE and CAP_DAC_READ_SEARCH."""
    for capability in (1, 2):
        if os.geteuid() == 0 and ctypes.CDLL(None, use_errno=True).prctl(24, capability, 0, 0, 0) != 0:
            os.write(2, b"the kernel does not let root drop its privileges\n")
            os._exit(99)


def _unprivileged(folder: Path, url: str, *arguments: str) -> Ended:
    ended = children.run(
        [sys.executable, "-m", "sqlmigrate", *arguments], cwd=folder, env={**os.environ, "DATABASE_URL": url},
        capture_output=True, encoding="utf-8", preexec_fn=_without_privileges,
    )  # fmt: skip
    return Ended(ended.stdout, ended.stderr, ended.returncode)


def test_a_file_without_read_permission(tmp_path: Path, untouched: str) -> None:
    """The file is named, and the others are not executed."""
    folder = tmp_path / "sql"
    folder.mkdir()
    (folder / "001_a.up.sql").write_text("create table a ();")
    (folder / "002_b.up.sql").touch(mode=0o200)

    ended = _unprivileged(tmp_path, untouched, "verify")

    assert ended.code == 1
    assert said(ended) == (
        "error: sql/002_b.up.sql cannot be read: Permission denied\n"
        "   hint    give the user who runs sqlmigrate the right to read it: chmod u+r sql/002_b.up.sql\n\n"
    )
    assert database_state.is_untouched(untouched)


def test_a_folder_without_read_permission(tmp_path: Path, untouched: str) -> None:
    """The folder is named; it is a wrong setting, so the exit code is 2."""
    folder = tmp_path / "sql"
    folder.mkdir()
    (folder / "001_a.up.sql").write_text("create table a ();")
    folder.chmod(0o300)

    ended = _unprivileged(tmp_path, untouched, "up")
    folder.chmod(0o700)

    assert ended.code == 2
    assert said(ended) == (
        "error: the folder `sql` cannot be read: Permission denied\n"
        "   nothing was executed\n"
        "   hint    give the user who runs sqlmigrate the right to read it: chmod u+rx sql\n\n"
    )
    assert database_state.is_untouched(untouched)


ODD_FILES: dict[str, tuple[Callable[[Path], None], str]] = {
    "a link to nowhere": (
        lambda path: path.symlink_to("gone.sql"),
        (
            "No such file or directory\n   nothing was executed\n"
            "   hint    it is a symbolic link to a file that does not exist"
        ),
    ),
    "a link to itself": (
        lambda path: path.symlink_to(path.name),
        (
            "Too many levels of symbolic links\n   nothing was executed\n"
            "   hint    it is a symbolic link that leads to itself"
        ),
    ),
    "a folder": (
        Path.mkdir,
        "Is a directory\n   nothing was executed\n   hint    it is a folder, but is named like a migration: rename it",
    ),
}


@pytest.mark.parametrize(("make", "expected"), ODD_FILES.values(), ids=ODD_FILES)
def test_a_migration_name_that_is_not_a_readable_file(
    make: Callable[[Path], None], expected: str, refusing: Quick, untouched: str
) -> None:
    """A link or a folder with the name of a migration is an error, it is not silently ignored."""
    refusing.write(**{"002_b.up.sql": "create table b ();"})
    make(refusing.folder / "sql" / "001_a.up.sql")

    ended = refusing("up")

    assert (said(ended), ended.code) == (f"error: sql/001_a.up.sql cannot be read: {expected}\n\n", 1)
    assert database_state.is_untouched(untouched)


# -- a missing folder, or an empty one ---------------------------------------------------------------------------------

NO_FOLDER = """\
error: the folder `sql` does not exist
   looked for {looked_for}
{state}   hint    choose another folder with --directory, or create it together with the first migration
   next    sqlmigrate create "my first table"

"""
EMPTY = """\
error: there is no migration in `sql`
   looked in {looked_for}
{state}   hint    a migration is a file named VERSION_NAME.up.sql; is this the right folder?
   next    sqlmigrate create "my first table"

"""
NOTHING = "   nothing was executed\n"


@pytest.mark.parametrize("name", [name for name in COMMANDS if name != "create"])
def test_no_such_folder(name: str, refusing: Quick, untouched: str) -> None:
    """A missing folder is a wrong setting, exit 2. The error says where it was looked for, and what to do."""
    state = NOTHING if name in EXECUTING else ""

    ended = refusing(*COMMANDS[name])

    assert (said(ended), ended.code) == (NO_FOLDER.format(looked_for=refusing.folder / "sql", state=state), 2)
    assert database_state.is_untouched(untouched)


@pytest.mark.parametrize("name", ["up", "up --dry-run", "verify", "reset"])
def test_an_empty_folder(name: str, refusing: Quick, untouched: str) -> None:
    """A folder without migrations is not mistaken for a migrated or verified database: exit 2."""
    refusing.write()
    (refusing.folder / "sql" / "README.md").write_text("left alone")

    ended = refusing(*COMMANDS[name])

    assert (said(ended), ended.code) == (
        EMPTY.format(looked_for=refusing.folder / "sql", state=NOTHING if name in EXECUTING else ""),
        2,
    )
    assert database_state.is_untouched(untouched)


def test_looking_at_an_empty_folder(refusing: Quick, untouched: str) -> None:
    """`status` shows an empty folder and what to do next; `down` has nothing to do."""
    refusing.write()

    assert said(refusing("status")) == (
        "DATABASE · sql/ · history in public.migrations\n\n"
        "Total: 0 | Executed: 0 | Pending: 0\n"
        'next: sqlmigrate create "my first table"\n'
    )
    assert said(refusing("down")) == "DATABASE · nothing to undo\n"
    assert database_state.is_untouched(untouched)


def test_an_empty_folder_after_executions(quick: Quick, database: str) -> None:
    """Emptying the folder loses nothing: what was executed stays in the database and in the history."""
    quick.write(**{"001_a.up.sql": "create table a ();"})
    assert quick("up").code == 0
    (quick.folder / "sql" / "001_a.up.sql").unlink()

    ended = quick("reset", "--yes")

    assert (said(ended), ended.code) == (EMPTY.format(looked_for=quick.folder / "sql", state=NOTHING), 2)
    assert database_state.relations(database) == ["public.a"]
    assert database_state.history(database) == [("001", "executed", 1, None)]


def test_a_reset_reads_everything_first(quick: Quick, database: str) -> None:
    """`reset` rolls nothing back if a file could not be executed again."""
    quick.write(**{"001_a.up.sql": "create table a ();", "001_a.down.sql": "drop table a;"})
    assert quick("up").code == 0
    quick.write(**{"002_b.up.sql": "create table b ();\ncommit;"})

    ended = quick("reset", "--yes")

    assert said(ended) == (
        "error: `COMMIT` would end the transaction of the migration\n"
        "  ──▶ sql/002_b.up.sql:2:1\n"
        "   │\n"
        " 1 │ create table b ();\n"
        " 2 │ commit;\n"
        "   │ ^^^^^^\n"
        "   │\n"
        "   nothing was executed\n"
        "   hint    remove it: the file and its history row are committed together"
        " (BEGIN and COMMIT around the whole file are allowed)\n\n"
    )
    assert ended.code == 1
    assert database_state.relations(database) == ["public.a"]


def test_a_file_instead_of_a_folder(refusing: Quick, untouched: str) -> None:
    """If --directory is a file, that is a wrong setting: exit 2."""
    (refusing.folder / "schema.sql").touch()

    ended = refusing("--directory", "schema.sql", "up")

    assert ended.code == 2
    assert said(ended) == (
        "error: `schema.sql` is a file, not a folder\n"
        f"   looked for {refusing.folder}/schema.sql\n"
        "   nothing was executed\n"
        "   hint    choose a folder with --directory\n\n"
    )
    assert database_state.is_untouched(untouched)


def test_the_same_in_a_terminal(terminal: Terminal, database: str) -> None:
    """A separate process does the same: data on stdout, errors on stderr, the exit code."""
    terminal.write()
    _every_fault(terminal.folder / "sql")

    ended = terminal("verify")

    assert (ended.stdout, ended.stderr, ended.code) == ("", EVERY_FAULT + "\n", 1)
    assert database_state.is_untouched(database)
