"""A procedure or a DO block that commits itself: refused in a transaction, executed without one, reported exactly."""

from __future__ import annotations

from pathlib import Path

import database_state
import psycopg
import pytest
from in_process import Quick, said
from project import Project, succeeded

from sqlmigrate.executor.events import Recovered

SETUP = """\
create table a (n int primary key);
create procedure p() language plpgsql as $$
begin
  insert into a select coalesce(max(n), 0) + 1 from a;
  commit;
  insert into a select coalesce(max(n), 0) + 1 from a;
  commit;
end $$;
create procedure fails() language plpgsql as $$ begin
  insert into a values (10); commit;
  insert into a values (11);
  raise exception 'enough';
end $$;
"""
CALL = "insert into a values (0);\ncall p();\ncreate table b ();\n"
DO = "insert into a values (0);\ndo $$ begin\n  insert into a values (1); commit;\n  insert into a values (2);\nend $$"
ALONE = "-- sqlmigrate: no-transaction\n"


@pytest.fixture
def quick(tmp_path: Path, database: str) -> Quick:
    quick = Quick(tmp_path, {"DATABASE_URL": database})
    quick.write(**{"001_a.up.sql": SETUP})
    assert quick("up").code == 0
    return quick


def numbers(database: str) -> list[int]:
    return [n for (n,) in database_state.ask(database, "select n from a order by n")]


REFUSED = {
    "call": (
        CALL,
        (
            "  ──▶ sql/002_b.up.sql:2:1\n   │\n 1 │ insert into a values (0);\n 2 │ call p();\n   │ ^^^^\n"
            " 3 │ create table b ();\n   │\n"
            "   context PL/pgSQL function p() line 4 at COMMIT\n"
        ),
        3,
    ),
    "do": (
        DO,
        (
            "  ──▶ sql/002_b.up.sql:3:3\n   │\n 2 │ do $$ begin\n 3 │   insert into a values (1); commit;\n"
            "   │   ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^\n"
            " 4 │   insert into a values (2);\n   │\n"
            "   context PL/pgSQL function inline_code_block line 2 at COMMIT\n"
        ),
        2,
    ),
}


@pytest.mark.parametrize("case", REFUSED.values(), ids=REFUSED)
def test_in_a_transaction_nothing_of_it_is_committed(case: tuple[str, str, int], quick: Quick, database: str) -> None:
    """PostgreSQL refuses the COMMIT, and the whole file is rolled back; the message says how it could be executed."""
    text, place, total = case
    quick.write(**{"002_b.up.sql": text})

    ended = quick("up")

    assert said(ended) == (
        f"DATABASE · 1 pending\n\n❌ 002_b   statement 2 of {total} N ms\n\n1 failed\n"
        f"error: invalid transaction termination\n{place}"
        "   code    2D000 invalid_transaction_termination\n"
        "   hint    it may commit only if each statement of the file runs on its own: -- sqlmigrate: no-transaction\n\n"
        "what happened   002_b was rolled back: nothing of it is in the database\n"
        "what now        fix the file, then: sqlmigrate up\n\n"
    )
    assert ended.code == 1
    assert numbers(database) == []
    assert database_state.history(database)[1] == ("002", "failed", 0, "invalid transaction termination")


@pytest.mark.parametrize("text", [CALL, DO], ids=["call", "do"])
def test_without_a_transaction_it_is_executed(text: str, quick: Quick, database: str) -> None:
    """A statement that commits itself runs on its own, once, and is recorded afterwards."""
    quick.write(**{"002_b.up.sql": ALONE + text})

    assert quick("up").code == 0

    assert numbers(database) == [0, 1, 2]
    assert (
        database_state.ask(database, "select status, statements = statements_done, unfinished from migrations")
        == [("executed", True, None)] * 2
    )


def test_without_a_transaction_what_it_had_committed_stays(quick: Quick, database: str) -> None:
    """The message distinguishes statements that are done from what the failed one had committed before it failed."""
    quick.write(**{"002_b.up.sql": ALONE + "insert into a values (0);\ncall fails();\ncreate table b ();\n"})

    ended = quick("up")

    assert said(ended) == (
        "DATABASE · 1 pending\n\n❌ 002_b   statement 2 of 3 N ms\n\n1 failed\n"
        "error: enough\n"
        "  ──▶ sql/002_b.up.sql:3:1\n   │\n 2 │ insert into a values (0);\n 3 │ call fails();\n   │ ^^^^\n"
        " 4 │ create table b ();\n   │\n"
        "   context PL/pgSQL function fails() line 4 at RAISE\n"
        "   code    P0001 raise_exception\n\n"
        "what happened   002_b runs without a transaction; it stopped at statement 2 of 3\n"
        "                statement 1 is executed and stays\n"
        "                what statement 2 has committed itself stays; the next run executes the whole statement again\n"
        "what now        fix the file or the data (it goes on at statement 2), then: sqlmigrate up\n\n"
    )
    assert ended.code == 1
    assert numbers(database) == [0, 10]
    assert database_state.history(database)[1] == ("002", "failed", 1, "enough")

    database_state.ask(database, "create or replace procedure fails() begin atomic insert into a values (11); end")
    assert quick("up").code == 0
    assert numbers(database) == [0, 10, 11]


def test_a_rerun_says_that_it_executes_it_again(project: Project) -> None:
    """If a run was killed inside a procedure that commits, the next run says that it calls it again."""
    project.add("001_a", SETUP).up()
    project.add("002_b", f"{ALONE}call p();\n").add("003_c", "select 1;")
    with psycopg.connect(project.url, autocommit=True) as conn:
        conn.execute("alter table a add check (n < 2)")
        project.up()
        conn.execute("alter table a drop constraint a_n_check")

    events = project.up()

    assert [event.message for event in events if isinstance(event, Recovered)] == [
        "statement 1 commits itself and was not finished: the whole statement is executed again"
    ]
    assert succeeded(events) == ["002_b", "003_c"]
    assert project.query("select n from a order by n") == [(1,), (2,), (3,)]


def test_a_down_may_commit_as_well(quick: Quick, database: str) -> None:
    """A down file without a transaction may call a procedure that commits."""
    quick.write(**{"002_b.up.sql": "select 1;", "002_b.down.sql": f"{ALONE}call p();\n"})
    assert quick("up").code == 0

    assert quick("down").code == 0

    assert numbers(database) == [1, 2]
