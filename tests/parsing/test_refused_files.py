"""Files that are refused before anything is executed: directives, transactions, texts that cannot be split."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import database_state
import pytest
import stored_refusals
from in_process import Quick, said
from postgres_servers import Server

FILES = stored_refusals.stored("files")
# These are ordinary comments and texts, not directives.
NO_DIRECTIVES = {
    "another tool": "-- migrate:up transaction:false\n",
    "a sentence about us": "-- sqlmigrate executes this file in one transaction\n",
    "a word of ours in another sentence": "-- see: allow lists\n",
    "a note": "-- note: irreversible\n",
    "in a string": "select '\n-- sqlmigrate: retry 3\n';\n",
    "in a function": "create function f() returns int language sql as $$\n-- sqlmigrate: retry 3\nselect 1 $$;\n",
}


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


@pytest.mark.parametrize(("text", "message"), FILES.values(), ids=FILES)
def test_a_file_is_refused(text: str, message: str, refusing: Quick, untouched: str) -> None:
    """The message names the fault, its place and the cure. Nothing is executed, not even the file before it."""
    refusing.write(**{"000_before.up.sql": "create table before ();", "001_a.up.sql": text})

    ended = refusing("up")

    assert said(ended).rstrip("\n") == message
    assert (ended.stdout, ended.code) == ("", 1)
    assert database_state.is_untouched(untouched)


@pytest.mark.parametrize(("text", "message"), FILES.values(), ids=FILES)
def test_a_down_file_is_refused_as_well(text: str, message: str, refusing: Quick, untouched: str) -> None:
    """A fault in a down file is an error of `verify`, before its up file is executed."""
    refusing.write(**{"001_a.up.sql": "create table a ();", "001_a.down.sql": text})

    ended = refusing("verify")

    expected = message.replace("001_a.up.sql", "001_a.down.sql").replace(", nothing was executed", "")
    assert said(ended).rstrip("\n") == expected.replace("   nothing was executed\n", "")
    assert (ended.stdout, ended.code) == ("", 1)
    assert database_state.is_untouched(untouched)


def test_a_fault_in_a_down_file_does_not_stop_up(quick: Quick) -> None:
    """It is a note of `status`, `up` and `verify`; `down` refuses it."""
    text = "drop index concurrently i;\ndrop table a;\n"
    quick.write(**{"001_a.up.sql": "create table a (i int); create index i on a (i);", "001_a.down.sql": text})
    note = (
        "⚠️ note: sql/001_a.down.sql:1:1: `DROP INDEX CONCURRENTLY` cannot run in a transaction, "
        "but its file has other statements: put it in a file of its own; or write `-- sqlmigrate: no-transaction` in "
        "the first line of this file: then each statement runs and is recorded on its own\n"
    )

    assert note in quick("status").stdout
    ended = quick("up")

    assert (ended.stderr, ended.code) == (note, 0)
    verified = quick("verify")
    assert (verified.code, verified.stdout.endswith(note)) == (0, True)
    refused = quick("down")
    assert refused.code == 1
    assert "`DROP INDEX CONCURRENTLY` cannot run in a transaction" in refused.stderr


@pytest.mark.parametrize("command", [["verify"], ["up", "--dry-run"]], ids=" ".join)
def test_the_faults_of_all_files_come_together(command: list[str], refusing: Quick, untouched: str) -> None:
    """All faults of all files are reported at once, in the order of the files."""
    refusing.write(**{
        "001_a.up.sql": "-- sqlmigrate: no-transactions\ncreate table a ();\ncommit;\n",
        "001_a.down.sql": "-- sqlmigrate: ireversible\ndrop table a;\n",
        "002_b.up.sql": "select 'open;\n",
        "003_c.up.sql": "-- sqlmigrate: irreversible (it is)\nselect 1;\n",
        "003_c.down.sql": "select 2;\n",
    })  # fmt: skip

    ended = refusing(*command)

    nothing = ", nothing was executed" if command[0] == "up" else ""
    assert said(ended) == (
        "error: unknown directive `no-transactions`\n"
        "  ──▶ sql/001_a.up.sql:1:16\n"
        "   │\n"
        " 1 │ -- sqlmigrate: no-transactions\n"
        "   │                ^^^^^^^^^^^^^^^\n"
        " 2 │ create table a ();\n"
        "   │\n"
        "   hint    did you mean `no-transaction`?\n"
        "\n"
        "error: `COMMIT` would end the transaction of the migration\n"
        "  ──▶ sql/001_a.up.sql:3:1\n"
        "   │\n"
        " 2 │ create table a ();\n"
        " 3 │ commit;\n"
        "   │ ^^^^^^\n"
        "   │\n"
        "   hint    remove it: the file and its history row are committed together"
        " (BEGIN and COMMIT around the whole file are allowed)\n"
        "\n"
        "error: unknown directive `ireversible`\n"
        "  ──▶ sql/001_a.down.sql:1:16\n"
        "   │\n"
        " 1 │ -- sqlmigrate: ireversible\n"
        "   │                ^^^^^^^^^^^\n"
        " 2 │ drop table a;\n"
        "   │\n"
        "   hint    did you mean `irreversible`?\n"
        "\n"
        "error: the string opened here is never closed\n"
        "  ──▶ sql/002_b.up.sql:1:8\n"
        "   │\n"
        " 1 │ select 'open;\n"
        "   │        ^\n"
        "   │\n"
        "   hint    close it with `'`; a quote inside a string is written twice, `''`\n"
        "\n"
        "error: the file says `irreversible`, but sql/003_c.down.sql exists\n"
        "  ──▶ sql/003_c.up.sql:1:1\n"
        "   │\n"
        " 1 │ -- sqlmigrate: irreversible (it is)\n"
        "   │ ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^\n"
        " 2 │ select 1;\n"
        "   │\n"
        "   hint    remove the directive or the down file\n"
        "\n"
        f"5 errors{nothing}\n"
    )
    assert (ended.stdout, ended.code) == ("", 1)
    assert database_state.is_untouched(untouched)


@pytest.mark.parametrize("text", NO_DIRECTIVES.values(), ids=NO_DIRECTIVES)
def test_other_comments_are_ignored(text: str, quick: Quick, database: str) -> None:
    """A comment that was not intended as a directive is ignored."""
    quick.write(**{"001_a.up.sql": text + "create table a ();"})

    assert quick("up").code == 0
    assert database_state.relations(database) == ["public.a"]


def test_a_fault_in_an_executed_file_does_not_stop_up(quick: Quick, database: str) -> None:
    """A fault in a file that is executed already does not stop `up` from executing the next; `verify` notes it."""
    quick.write(**{"001_a.up.sql": "create table a ();", "001_a.down.sql": "drop table a;"})
    assert quick("up").code == 0
    quick.write(**{"001_a.down.sql": "drop table a; commit;", "002_b.up.sql": "create table b ();"})

    assert "⚠️ note: sql/001_a.down.sql:1:15: `COMMIT` would end" in quick("verify").stdout
    assert quick("up").code == 0
    assert database_state.relations(database) == ["public.a", "public.b"]


def test_a_down_that_is_refused_rolls_nothing_back(quick: Quick, database: str) -> None:
    """`down` also reads its file before anything is executed."""
    quick.write(**{"001_a.up.sql": "create table a ();", "001_a.down.sql": "drop table a;"})
    assert quick("up").code == 0
    quick.write(**{"001_a.down.sql": "drop table a;\nrollback;\n"})

    ended = quick("down")

    assert said(ended) == (
        "error: `ROLLBACK` would end the transaction of the migration\n"
        "  ──▶ sql/001_a.down.sql:2:1\n"
        "   │\n"
        " 1 │ drop table a;\n"
        " 2 │ rollback;\n"
        "   │ ^^^^^^^^\n"
        "   │\n"
        "   nothing was executed\n"
        "   hint    remove it: the file and its history row are committed together"
        " (BEGIN and COMMIT around the whole file are allowed)\n\n"
    )
    assert ended.code == 1
    assert database_state.relations(database) == ["public.a"]
    assert database_state.history(database) == [("001", "executed", 1, None)]
    assert database_state.log(database) == [("up", "001", None)]
