"""A file written by `pg_dump`, with data, is a migration: executed and dumped again, it is the same."""

from __future__ import annotations

import re
from pathlib import Path

import children
import psycopg
import pytest
from postgres_servers import Server
from project import Project, failure

from sqlmigrate.executor.events import Event, Failed
from sqlmigrate.files.folder import load
from sqlmigrate.operations import up_down

# Every kind of object that makes a dump hard to cut, and data that must not be taken for SQL or for the end of data.
SCHEMA = r"""
create schema app;
create type app.mood as enum ('sad', 'it''s; ok', '$$');
create domain app.code as text check (value ~ '^[A-Z;]+$');
create table app.notes (
    id bigint generated always as identity primary key,
    body text, mood app.mood, code app.code, raw bytea, tags text[], "odd ""name""; --" int default 1,
    made timestamptz default now(), long numeric generated always as (length(body)) stored
);
comment on table app.notes is 'a comment; with -- and /* and '' and $$ in it';
create index on app.notes using gin (tags);
create function app.plain(a int) returns int language sql as 'select a; -- ''quoted'' ;';
create function app.dollars() returns trigger language plpgsql as $body$
begin
    if new.body is null then raise exception $$no; body$$; end if;
    return new; -- end;
end;
$body$;
create function app.atomic(a int) returns int language sql
begin atomic
    select case when a > 1 then a else -a end;
    select a + 1;
end;
create procedure app.empty() language sql begin atomic end;
create trigger notes_checked before insert or update on app.notes for each row execute function app.dollars();
create view app.short as select id, left(body, 3) as head from app.notes where body <> ';';
create rule notes_gone as on delete to app.notes do also (select 1; select 2);
create table app.parts (id int, at date) partition by range (at);
create table app.parts_1 partition of app.parts for values from ('2026-01-01') to ('2026-02-01');
create policy mine on app.notes using (code = 'A;B');
alter table app.notes enable row level security;
create table app.empty_table ();
create aggregate app.total (int) (sfunc = int4pl, stype = int, initcond = '0');
create operator app.### (leftarg = int, rightarg = int, function = int4pl);
"""
AWKWARD = [
    r"\.", "\\", "\\N", "", " ", "tab\there", "line\nfeed", "cr\rlf\r\n", "';--", "$$", "$body$", "/* open", "*/",
    "\\restrict x", "BEGIN ATOMIC", "é 漢字 🙂 \u2028 \u00a0", "copy x from stdin;", "\x01\x1f", "a\\\nb", "\ufeff",
]  # fmt: skip


def _programs(server: Server) -> Path:
    return server.cluster.program("pg_dump").parent


def _filled(url: str) -> None:
    with psycopg.connect(url, autocommit=True) as conn:
        conn.execute(SCHEMA)
        insert = "insert into app.notes (body, raw, tags, code, mood) values (%s, %s, %s, 'A;B', 'it''s; ok')"
        conn.cursor().executemany(insert, [(text, text.encode(), [text, "x"]) for text in AWKWARD])
        conn.execute("insert into app.notes (body) select repeat('long; ', 5000) from generate_series(1, 20)")
        conn.execute("insert into app.parts select i, '2026-01-15' from generate_series(1, 100) i")


def _dump(server: Server, url: str, *options: str) -> str:
    """Dump everything except our history."""
    dumped = children.run(
        [_programs(server) / "pg_dump", "--no-owner", "--exclude-schema=history", *options, url],
        capture_output=True, check=True, text=True, encoding="utf-8", errors="surrogateescape",
    )  # fmt: skip
    return dumped.stdout


def _without_key(dumped: str) -> str:
    """Remove the key that each dump draws at random."""
    return re.sub(r"^(\\(?:un)?restrict) .*$", r"\1", dumped, flags=re.MULTILINE)


def _apply(url: str, folder: Path) -> list[Event]:
    with psycopg.connect(url, autocommit=True) as conn:
        conn.execute("create schema history")
    return list(up_down.up(url, load(folder), table="history.migrations"))


def test_a_dump_with_data_is_applied_and_dumped_again_the_same(every_postgres: Server, tmp_path: Path) -> None:
    """Schema and rows of dumps by 16 and by 18 stay the same to the letter."""
    with every_postgres.database() as original, every_postgres.database() as copy:
        _filled(original)
        dumped = _dump(every_postgres, original)
        (tmp_path / "001_dump.up.sql").write_text(dumped, encoding="utf-8", newline="")

        events = _apply(copy, tmp_path)

        assert [event for event in events if isinstance(event, Failed)] == []
        assert _without_key(_dump(every_postgres, copy)) == _without_key(dumped)
        assert dumped.count("COPY ") >= 2


def test_an_error_in_the_data_names_its_line(database: str, tmp_path: Path) -> None:
    """The caret is at the row that PostgreSQL refuses, not at the COPY above it."""
    text = "create table t (a int);\n\ncopy t from stdin;\n1\n2\nthree\n4\n\\.\n"
    (tmp_path / "001_rows.up.sql").write_text(text, encoding="utf-8")

    *_, failed = _apply(database, tmp_path)

    assert isinstance(failed, Failed)
    assert failed.error.message == 'invalid input syntax for type integer: "three"'
    assert str(failed.error.span).endswith("001_rows.up.sql:6:1")
    assert failed.number == 2


@pytest.mark.parametrize("ending", ["\n", "\r\n"])
def test_data_with_either_line_ending(database: str, tmp_path: Path, ending: str) -> None:
    """A file saved with CRLF brings the same rows, and the statements after the data are executed."""
    lines = [
        "create table t (a text, b text);",
        "copy t from stdin;",
        "x\t1",
        "\\\\y\t\\N",
        "\\.",
        "insert into t values ('z');",
        "",
    ]
    (tmp_path / "001_rows.up.sql").write_text(ending.join(lines), encoding="utf-8", newline="")

    _apply(database, tmp_path)

    with psycopg.connect(database) as conn:
        assert conn.execute("select a, b from t").fetchall() == [("x", "1"), ("\\y", None), ("z", None)]


OPTIONS = ([], ["--inserts"], ["--clean", "--if-exists"], ["--blobs", "--column-inserts"])


@pytest.mark.parametrize("options", OPTIONS, ids=lambda options: " ".join(options) or "plain")
def test_a_dump_with_large_objects_is_applied(options: list[str], every_postgres: Server, tmp_path: Path) -> None:
    """Its own BEGIN and COMMIT around the data of large objects open nothing new: the file has one transaction."""
    with every_postgres.database() as original, every_postgres.database() as copy:
        with psycopg.connect(original, autocommit=True) as conn:
            conn.execute("create table docs (id int primary key, body oid)")
            conn.execute(
                "insert into docs select i, lo_from_bytea(0, ('hello ' || i)::bytea) from generate_series(1, 3) i"
            )
        dumped = _dump(every_postgres, original, *options)
        assert re.search(r"^BEGIN;\n\nSELECT pg_catalog\.lo_open", dumped, re.MULTILINE)
        (tmp_path / "001_dump.up.sql").write_text(dumped, encoding="utf-8", newline="")

        events = _apply(copy, tmp_path)

        assert [event.error for event in events if isinstance(event, Failed)] == []
        with psycopg.connect(copy) as conn:
            found = conn.execute("select lo_get(body) from docs order by id").fetchall()
        assert found == [(b"hello 1",), (b"hello 2",), (b"hello 3",)]


@pytest.mark.parametrize("dry_run", [False, True], ids=["up", "dry run"])
def test_a_failure_after_large_objects_takes_them_back(dry_run: bool, project: Project) -> None:  # noqa: FBT001
    """The COMMIT of the dump commits nothing: a statement after it fails, and nothing is left."""
    text = """\
select lo_create(4711);
BEGIN;
SELECT pg_catalog.lo_open('4711', 131072);
SELECT pg_catalog.lowrite(0, '\\x68656c6c6f');
SELECT pg_catalog.lo_close(0);
COMMIT;
select 1 / 0;
"""
    project.add("001_dump", text)

    failed = failure(project.up(dry_run=dry_run))

    assert failed.error.message == "division by zero"
    assert str(failed.error.span).endswith("001_dump.up.sql:7:1")
    assert project.value("select count(*) from pg_largeobject_metadata") == 0
