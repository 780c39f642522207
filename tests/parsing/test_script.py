"""How a file is executed, and which files are refused for their statements."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest
from parsed_files import faults, script
from psycopg.pq import TransactionStatus

# -- statements that would end the transaction -------------------------------------------------------------------------

STILL_OURS = [
    "savepoint other",
    "release s",
    "release savepoint s",
    "rollback to s",
    "rollback to savepoint s",
    "rollback work to s",
    "rollback transaction to savepoint s",
    "prepare q2 as select 1",
    "execute q",
    "deallocate q",
    "set transaction read write",
    "set session characteristics as transaction isolation level serializable",
    "set local transaction_isolation = 'read committed'",
    "lock table t",
    "select 1 as commit",
    "do 'begin end'",
]
ENDS = {
    "commit": "COMMIT",
    "commit work": "COMMIT",
    "commit transaction": "COMMIT",
    "commit and chain": "COMMIT",
    "commit and no chain": "COMMIT",
    "end": "END",
    "end work and chain": "END",
    "rollback": "ROLLBACK",
    "rollback work": "ROLLBACK",
    "rollback and chain": "ROLLBACK",
    "abort": "ABORT",
    "abort transaction": "ABORT",
    "prepare transaction 'x'": "PREPARE TRANSACTION",
    "Commit /* now */ ": "COMMIT",
}
BEGINS = {
    "begin": "BEGIN",
    "begin work": "BEGIN",
    "begin transaction isolation level serializable": "BEGIN",
    "begin isolation level repeatable read, read write": "BEGIN",
    "start transaction": "START TRANSACTION",
    "start transaction read write, not deferrable": "START TRANSACTION",
}
AROUND = "(BEGIN and COMMIT around the whole file are allowed)"
REMOVE_IT = f"remove it: the file and its history row are committed together {AROUND}"


def transaction_after(conn: psycopg.Connection[Any], text: str) -> str:
    """Execute a statement inside a transaction, and say what happened to the transaction."""
    conn.execute("begin")
    conn.execute("prepare q as select 1")
    before = conn.execute("select pg_current_xact_id()").fetchone()
    conn.execute("savepoint s")
    try:
        conn.execute(text)
        if conn.info.transaction_status == TransactionStatus.IDLE:
            return "ended"
        return "ours" if conn.execute("select pg_current_xact_id()").fetchone() == before else "another"
    except psycopg.errors.ObjectNotInPrerequisiteState:  # max_prepared_transactions is 0
        return "ended"
    finally:
        conn.execute("rollback")
        conn.execute("deallocate all")


@pytest.mark.parametrize("text", STILL_OURS)
def test_statements_that_do_not_end_the_transaction(text: str, prepared: psycopg.Connection[Any]) -> None:
    """Savepoints and other statements that end no transaction are allowed: afterwards the server is still in ours."""
    assert transaction_after(prepared, text) == "ours"
    assert [each.text for each in script(f"select 0; {text}; select 1").statements] == ["select 0", text, "select 1"]


@pytest.mark.parametrize(("text", "words"), ENDS.items(), ids=ENDS)
def test_statements_that_end_the_transaction_are_refused(
    text: str, words: str, prepared: psycopg.Connection[Any]
) -> None:
    """Afterwards the server is not in our transaction, so the statement is refused before execution, with its place."""
    first = text.split(maxsplit=1)[0]

    assert transaction_after(prepared, text) in ("ended", "another")
    assert faults(f"select 1;\n {text};\nselect 2;") == [
        f"2:2 [{first}] `{words}` would end the transaction of the migration → {REMOVE_IT}"
    ]


@pytest.mark.parametrize(("text", "words"), BEGINS.items(), ids=BEGINS)
def test_statements_that_begin_a_second_transaction_are_refused(text: str, words: str) -> None:
    """A BEGIN is refused, with its place, if it is not the first statement and COMMIT the last one."""
    first = text.split(maxsplit=1)[0]

    assert faults(f"select 1;\n {text};\nselect 2;") == [
        f"2:2 [{first}] `{words}` would begin a second transaction → {REMOVE_IT}"
    ]


def test_two_transactions_in_one_file_are_refused() -> None:
    """Other tools allow two transactions in a file; here the inner COMMIT and BEGIN are refused."""
    text = "begin;\nselect 1;\ncommit;\nbegin;\nselect 2;\ncommit;\n"

    assert faults(text) == [
        f"3:1 [commit] `COMMIT` would end the transaction of the migration → {REMOVE_IT}",
        f"4:1 [begin] `BEGIN` would begin a second transaction → {REMOVE_IT}",
    ]


def test_begin_and_rollback_in_a_no_transaction_file_are_refused() -> None:
    """Each statement is recorded on its own, so none may be in a transaction of the file."""
    text = "-- sqlmigrate: no-transaction\nbegin;\nselect 1;\nrollback;\n"
    hint = "remove BEGIN and COMMIT: each statement of this file runs and is recorded on its own"

    assert faults(text) == [
        f"2:1 [begin] `BEGIN` in a file that runs without a transaction → {hint}",
        f"4:1 [rollback] `ROLLBACK` in a file that runs without a transaction → {hint}",
    ]


# -- a whole file ------------------------------------------------------------------------------------------------------

WRAPPED = {
    "begin; select 1; commit;": "begin",
    "BEGIN; select 1; COMMIT": "begin",
    "begin work; select 1; commit work;": "begin",
    "begin transaction; select 1; end transaction;": "begin",
    "start transaction; select 1; end;": "begin",
    "begin; select 1; commit and no chain;": "begin",
    "-- a head\nbegin; -- ours\nselect 1;\n/* done */ commit; -- end": "begin",
    "begin isolation level serializable; select 1; commit;": "begin isolation level serializable",
    "BEGIN TRANSACTION ISOLATION LEVEL\n  REPEATABLE READ, READ WRITE; select 1; commit;": (
        "begin isolation level repeatable read , read write"
    ),
    "start transaction not deferrable; select 1; commit;": "begin not deferrable",
}


@pytest.mark.parametrize(("text", "begin"), WRAPPED.items(), ids=WRAPPED)
def test_begin_and_commit_around_the_whole_file(text: str, begin: str, prepared: psycopg.Connection[Any]) -> None:
    """They are not sent. Our own BEGIN gets the options of the file's BEGIN, and the server accepts it."""
    made = script(text)

    assert (made.mode, made.begin) == ("transaction", begin)
    assert [each.text for each in made.statements] == ["select 1"]
    prepared.execute(begin)
    assert prepared.info.transaction_status == TransactionStatus.INTRANS
    prepared.execute("rollback")


@pytest.mark.parametrize("text", ["begin; commit;", "begin; ; commit"])
def test_begin_and_commit_alone_are_a_file_without_statements(text: str) -> None:
    """There is nothing between the two, so nothing is executed."""
    assert script(text).statements == ()


BEGIN_REFUSED = f"1:1 [begin] `BEGIN` would begin a second transaction → {REMOVE_IT}"
NOT_WRAPPED = {
    "begin alone": ("begin;", BEGIN_REFUSED),
    "begin without commit": ("begin; select 1;", BEGIN_REFUSED),
    "a statement after it": ("begin; select 1; commit; select 2", BEGIN_REFUSED),
    "chained": ("begin; select 1; commit and chain", BEGIN_REFUSED),
    "rolled back": ("begin; select 1; rollback", BEGIN_REFUSED),
    "commit without begin": (
        "select 1; commit;",
        f"1:11 [commit] `COMMIT` would end the transaction of the migration → {REMOVE_IT}",
    ),
}


@pytest.mark.parametrize(("text", "first"), NOT_WRAPPED.values(), ids=NOT_WRAPPED)
def test_begin_or_commit_that_is_not_around_the_whole_file(text: str, first: str) -> None:
    """Anything but one BEGIN at the start and one COMMIT at the end is refused."""
    assert faults(text)[0] == first


READ_ONLY = {
    "begin read only; select 1; commit;": "1:1 [begin read only]",
    "-- why\nstart transaction isolation level serializable, read only; select 1; commit;": (
        "2:1 [start transaction isolation level serializable, read only]"
    ),
    "set transaction read only; select 1;": "1:1 [set transaction read only]",
}


@pytest.mark.parametrize(("text", "place"), READ_ONLY.items(), ids=READ_ONLY)
def test_a_read_only_file_is_refused(text: str, place: str) -> None:
    """In a read-only transaction the history row could not be written."""
    message = "a migration cannot run in a READ ONLY transaction: its history row is written in the same transaction"

    assert faults(text) == [f"{place} {message} → remove READ ONLY"]


def test_unknown_options_of_begin_are_refused() -> None:
    """The file's own BEGIN is not sent, so the server could not refuse it: we do."""
    assert faults("begin isolation serializable; select 1; commit;") == [
        (
            "1:1 [begin isolation serializable] unknown option in `BEGIN`"
            " → the options are ISOLATION LEVEL …, READ WRITE and [NOT] DEFERRABLE"
        )
    ]


SETTINGS = {
    "set transaction isolation level serializable; select 1": 1,
    "SET /* all */ TRANSACTION READ WRITE; set transaction not deferrable; select 1": 2,
    "begin; set transaction isolation level repeatable read; select 1; commit": 1,
    "select 1; set transaction isolation level serializable": 0,
    "set local transaction_isolation = serializable; select 1": 0,
    "set transaction snapshot '1-1'; select 1": 0,
    "set session characteristics as transaction isolation level serializable; select 1": 0,
}


@pytest.mark.parametrize(("text", "count"), SETTINGS.items(), ids=SETTINGS)
def test_settings_of_the_transaction(text: str, count: int) -> None:
    """SET TRANSACTION statements at the start are counted: PostgreSQL accepts them only before all others."""
    assert script(text).settings == count


MODES = {
    "create index concurrently i on t (a)": "statements",
    "-- a word\ncreate index concurrently i on t (a);\n-- another": "statements",
    "vacuum;": "statements",
    "create table t ();": "transaction",
    "-- sqlmigrate: no-transaction\nupdate t set a = 1;": "statements",
    "-- sqlmigrate: no-transaction\ncreate index concurrently i on t (a); vacuum t;": "statements",
    "-- nothing": "transaction",
    "": "transaction",
}


@pytest.mark.parametrize(("text", "mode"), MODES.items(), ids=MODES)
def test_how_a_file_is_executed(text: str, mode: str) -> None:
    """In one transaction, unless its only statement cannot run in one, or the file has the directive."""
    assert script(text).mode == mode


OTHER_STATEMENTS = "cannot run in a transaction, but its file has other statements"
DIRECTIVE = (
    "put it in a file of its own; or write `-- sqlmigrate: no-transaction` in the first line of this file: "
    "then each statement runs and is recorded on its own"
)


def test_statements_that_need_a_file_of_their_own() -> None:
    """If the file has other statements, each of them is reported with its place, and what to do is said once."""
    text = "create table t (a int);\ncreate unique index concurrently i on t (a);\n\n  vacuum (full) t;\n"

    assert faults(text) == [
        f"2:1 [create] `CREATE UNIQUE INDEX CONCURRENTLY` {OTHER_STATEMENTS} → {DIRECTIVE}",
        f"4:3 [vacuum] `VACUUM` {OTHER_STATEMENTS}",
    ]


def test_begin_and_commit_around_a_statement_that_cannot_run_in_a_transaction() -> None:
    """BEGIN and COMMIT around VACUUM do not work in psql either."""
    assert faults("begin;\nvacuum;\ncommit;") == [
        (
            "2:1 [vacuum] `VACUUM` cannot run in a transaction, but it is between BEGIN and COMMIT "
            "→ remove BEGIN and COMMIT: alone in its file, it runs without a transaction"
        )
    ]


def test_every_fault_of_a_file_is_reported_at_once() -> None:
    """The faults of directives and of statements are reported together."""
    text = "-- sqlmigrate: nonsense\n-- sqlmigrate: lock-timeout x\nselect 1;\ncommit;\nvacuum;\n"

    assert [line.split(" ")[0] for line in faults(text)] == ["1:16", "2:29", "4:1", "5:1"]
