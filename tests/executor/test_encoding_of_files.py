"""A file that sets `client_encoding`, as dumps do: the file is UTF-8, and every text of it arrives as it is written."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from postgres_servers import Server
from project import Project, failure, succeeded
from psycopg import sql

from sqlmigrate.executor.events import Noticed

ALONE = "-- sqlmigrate: no-transaction\n"
SETS = {
    "latin1": "set client_encoding = 'LATIN1';",
    "names": "set names 'LATIN1';",
    "session": "set session client_encoding to latin1;",
    "local": "set local client_encoding = 'LATIN1';",
    "win1252": "set client_encoding = 'WIN1252';",
    "euc_jp": "set client_encoding = 'EUC_JP';",
    "ascii": "SET client_encoding = 'SQL_ASCII';",
    "set_config": "select set_config('client_encoding', 'LATIN1', false);",
    "qualified": "SELECT pg_catalog.set_config('client_encoding', 'LATIN1', false);",
    "in a with": "with a as (select set_config('client_encoding', 'LATIN1', false)) select * from a;",
    "in a block": "do $$ begin set client_encoding = 'LATIN1'; end $$;",
    "in a block by a function": "do $$ begin perform set_config('client_encoding', 'LATIN1', false); end $$;",
    "in a function": "select spoil();",
    "in a procedure": "call spoil_too();",
    "prepared": "prepare p as select spoil(); execute p;",
    "twice": "set client_encoding = 'LATIN1'; select 1; set client_encoding = 'WIN1252';",
    "and back": "set client_encoding = 'LATIN1'; reset client_encoding;",
}
SETUP = """\
create function spoil() returns text language sql as $$ select set_config('client_encoding', 'LATIN1', false) $$;
create procedure spoil_too() language plpgsql as $$ begin perform spoil(); end $$;
"""
TEXTS = """\
create table p (id int, "größe" text);
comment on table p is 'größe';
insert into p values (1, 'Zoë');
create function f() returns text language sql as $$ select 'Üß'::text $$;
do $$ begin raise notice 'schön'; end $$;
"""
DATA = "copy p from stdin;\n2\tMüller\n\\.\n"
FOUND = """\
select obj_description('p'::regclass) || ' ' || f() || ' '
       || (select string_agg("größe", ' ' order by id) from p)"""
EXPECTED = "größe Üß Zoë Müller"


@pytest.fixture(params=["UTF8", "LATIN1", "SQL_ASCII"])
def encoded(request: pytest.FixtureRequest, every_postgres: Server, tmp_path: Path) -> Iterator[Project]:
    """A project whose database has one encoding or another."""
    name = f"encoded_{request.param.lower()}"
    drop = sql.SQL("drop database if exists {} with (force)").format(sql.Identifier(name))
    every_postgres.admin.execute(drop)
    every_postgres.admin.execute(
        sql.SQL("create database {} encoding {} template template0 lc_collate 'C' lc_ctype 'C' {}").format(
            sql.Identifier(name),
            sql.Literal(request.param),
            sql.SQL("locale_provider libc" if every_postgres.version >= 15 else ""),
        )
    )
    yield Project(tmp_path / "sql", every_postgres.url(name))
    every_postgres.admin.execute(drop)


def found(project: Project) -> str:
    with psycopg.connect(project.url, client_encoding="UTF8") as conn:
        return str((conn.execute(FOUND).fetchone() or ("",))[0])


@pytest.mark.parametrize("head", ["", ALONE], ids=["one transaction", "none"])
def test_a_dump_in_another_encoding(head: str, encoded: Project) -> None:
    """In a database of any encoding the texts and the data arrive as they are written."""
    encoded.add("001_dump", f"{head}set client_encoding = 'LATIN1';\n{TEXTS}{DATA}")
    events = encoded.up()
    assert succeeded(events) == ["001_dump"]
    assert [event.message for event in events if isinstance(event, Noticed)] == ["schön"]
    assert found(encoded) == EXPECTED


@pytest.mark.parametrize("step_by_step", [False, True], ids=["together", "one by one"])
@pytest.mark.parametrize("head", ["", ALONE], ids=["one transaction", "none"])
@pytest.mark.parametrize("text", SETS.values(), ids=SETS)
def test_texts_arrive_as_they_are_written(text: str, head: str, project: Project, *, step_by_step: bool) -> None:
    """However the file sets the encoding: statements, data, function bodies and notices, in it and in the next file."""
    project.add("001_setup", SETUP).add("002_texts", f"{head}{text}\n{TEXTS}")
    project.add("003_data", f"{head}{text}\n{DATA}{text.replace('prepare', 'deallocate p; prepare')}")

    events = project.up(step_by_step=step_by_step)

    assert succeeded(events) == ["001_setup", "002_texts", "003_data"]
    assert [event.message for event in events if isinstance(event, Noticed) and event.severity == "NOTICE"] == ["schön"]
    assert found(project) == EXPECTED
    assert project.query("select up_sql like '%größe%' from migrations where version = '002'") == [(True,)]


def test_a_down_and_a_dry_run(project: Project) -> None:
    """They send the same requests."""
    project.add("001_a", "create table p (text text);", f"{SETS['latin1']}\ninsert into q values ('Zoë');")
    project.add("002_b", f"{SETS['latin1']}\ndo $$ begin raise notice 'größe'; end $$;", "select 1;")
    messages = [event.message for event in project.up(dry_run=True) if isinstance(event, Noticed)]
    assert messages == ["größe"]
    project.execute("create table q (text text)")
    project.up(into_existing=True)
    assert succeeded(project.down(to="0")) == ["002_b", "001_a"]
    assert project.query("select text from q") == [("Zoë",)]


@pytest.mark.parametrize("head", ["", ALONE], ids=["one transaction", "none"])
@pytest.mark.parametrize("text", SETS.values(), ids=SETS)
def test_errors_are_read_as_they_are(text: str, head: str, project: Project) -> None:
    """The message of a failure, its place, and what the history keeps of it."""
    project.add("001_setup", SETUP).add("002_fails", f"{head}{text}\nselect größe;")
    failed = failure(project.up())
    assert failed.error.message == 'column "größe" does not exist'
    assert str(failed.error.span).endswith(f":{text.count(chr(10)) + 2 + bool(head)}:8")
    assert project.query("select error from migrations where version = '002'") == [(failed.error.message,)]


@pytest.mark.parametrize("head", ["", ALONE], ids=["one transaction", "none"])
def test_a_rerun_does_not_bring_the_encoding_back(head: str, project: Project) -> None:
    """A file that stopped goes on in a session of our encoding, although its settings are set again."""
    text = f"{head}{SETS['latin1']}\ncreate table p (text text);\ninsert into {{}} values ('Zoë');"
    project.add("001_a", text.format("q"))
    failure(project.up())
    assert succeeded(project.add("001_a", text.format("p")).up()) == ["001_a"]
    assert project.query("select text from p") == [("Zoë",)]


@pytest.mark.parametrize("head", ["", ALONE], ids=["one transaction", "none"])
def test_a_file_of_the_server_has_the_encoding_that_was_set(head: str, project: Project) -> None:
    """A COPY to and from a file of the server takes `client_encoding` for it, as in psql."""
    name = f"/tmp/sqlmigrate_encoding_{project.value('select pg_backend_pid()')}"
    project.add("001_a", "create table p (text text); create table q (text text); insert into p values ('Zoë');")
    project.add("002_b", f"{head}set client_encoding = 'LATIN1';\ncopy p to '{name}';\ncopy q from '{name}';\n"
                f"insert into q values ('größe');\ncopy q from '{name}' (encoding 'LATIN1');")  # fmt: skip
    assert succeeded(project.up()) == ["001_a", "002_b"]
    try:
        assert project.value("select pg_read_binary_file(%s)", name) == "Zoë\n".encode("latin-1")
    finally:
        project.execute(f"copy (select) to program 'cat >/dev/null; rm {name}'")
    assert project.query("select text from q") == [("Zoë",), ("größe",), ("Zoë",)]


TRIGGER = """\
create table t (a text);
create function spoil() returns trigger language plpgsql as $$
begin perform set_config('client_encoding', 'LATIN1', false); return new; end $$;
create trigger spoil before insert on t for each row execute function spoil();
"""


@pytest.mark.parametrize("step_by_step", [False, True], ids=["together", "one by one"])
def test_what_a_trigger_sets_is_found_at_the_end(project: Project, *, step_by_step: bool) -> None:
    """A statement that only inserts changes the encoding: the file is rolled back, and told why."""
    project.add("001_t", TRIGGER).add("002_b", "insert into t values ('a');\ninsert into t values ('größe');")
    failed = failure(project.up(step_by_step=step_by_step))
    assert failed.error.message == "002_b: something in the file sets client_encoding to LATIN1, but the file is UTF-8"
    assert failed.error.hint == "take that out: the text after it would be stored as other characters"
    assert project.query("select count(*) from t") == [(0,)]


def test_what_a_trigger_sets_without_a_transaction(project: Project) -> None:
    """There each statement is followed by our own setting."""
    project.add("001_t", TRIGGER).add("002_b", f"{ALONE}insert into t values ('a');\ninsert into t values ('größe');")
    assert succeeded(project.up()) == ["001_t", "002_b"]
    assert project.query("select a from t") == [("a",), ("größe",)]
