"""What a statement is, as its words show it; and what the real servers say about the same statements."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from hypothesis import given, strategies as st
from postgres_servers import Server
from psycopg.pq import TransactionStatus

from sqlmigrate.errors import MigrationError
from sqlmigrate.parsing.script import Script, read
from sqlmigrate.parsing.statement import Statement
from sqlmigrate.source import Source

PATH = "sql/001_a.up.sql"


def script(text: str) -> Script:
    return read(Source(PATH, text))


def statement(text: str) -> Statement:
    (only,) = read(Source(PATH, f"-- sqlmigrate: no-transaction\n{text}")).statements
    return only


def faults(text: str) -> list[str]:
    """Give every fault of a file with its place, the words it points at, and its hint."""
    with pytest.raises(MigrationError) as caught:
        script(text)
    return [
        f"{one.span.line}:{one.span.column} [{one.span.text}] {one.message}" + (f" → {one.hint}" if one.hint else "")
        for one in (caught.value, *caught.value.others)
        if one.span
    ]


# -- in or out of a transaction: the servers decide --------------------------------------------------------------------

SETUP = """
create table t (a int primary key, b int);
create index i on t (b);
create unique index u on t (a);
cluster t using t_pkey;
create table m (a int) partition by range (a);
create index mi on m (a);
create table p partition of m for values from (0) to (10);
create materialized view v as select 1 as one;
create unique index vi on v (one);
create type mood as enum ('sad');
create publication pub for table t;
create role r;
create subscription sub connection 'dbname=nowhere' publication one, two with (connect = false, slot_name = none);
create subscription enabled connection 'host=/nowhere' publication one, two with (connect = false);
alter subscription enabled enable;
create statistics st on a, b from t;
create function f() returns int language sql as 'select 1';
create procedure pr() language sql as 'select 1';
"""

# The whole of PreventInTransactionBlock() and what lies next to it: each is sent to both servers inside of a
# transaction, and its SQLSTATE 25001 is compared with our verdict. Names in capitals stand for a database and a role.
OUTSIDE = [
    "create index concurrently on t (a)",
    "create index concurrently if not exists i2 on t (a)",
    "CREATE UNIQUE INDEX CONCURRENTLY i3 ON t (a)",
    "create /* why */ unique -- not\n index\tconcurrently i4 on only t using btree (a desc) where b > 0",
    "drop index concurrently i",
    "drop index concurrently if exists nothing",
    "reindex index concurrently i",
    "reindex table concurrently t",
    "reindex (verbose) table concurrently t",
    "reindex (concurrently) index i",
    "reindex (concurrently) table t",
    "reindex (verbose, concurrently) table t",
    "reindex (concurrently, verbose) table t",
    "reindex (concurrently true) table t",
    "reindex (concurrently on, verbose off) table t",
    "reindex (concurrently 1) table t",
    "reindex (concurrently 'on') table t",
    "reindex (tablespace pg_default, concurrently) table t",
    "reindex schema public",
    "reindex schema concurrently public",
    "reindex (verbose) schema public",
    "reindex (concurrently) schema public",
    "reindex database DATABASE",
    "reindex database concurrently DATABASE",
    "reindex database",
    "reindex (verbose) database",
    "reindex system DATABASE",
    "vacuum",
    "vacuum t",
    "vacuum full t",
    "vacuum (analyze, verbose) t (a)",
    "vacuum (full false)",
    "vacuum freeze verbose analyze t",
    "alter system set work_mem = '8MB'",
    "alter system reset work_mem",
    "alter system reset all",
    "create database other",
    "create database other with template template0 encoding 'UTF8'",
    "drop database nothing",
    "drop database if exists nothing with (force)",
    "create tablespace ts location '/nowhere'",
    "drop tablespace nothing",
    "drop tablespace if exists nothing",
    "alter database DATABASE set tablespace pg_default",
    'alter database "DATABASE" set tablespace pg_default',
    "cluster",
    "cluster verbose",
    "cluster (verbose)  -- since 17",
    "cluster (verbose off)  -- since 17",
    "alter table m detach partition p concurrently",
    "alter table if exists m detach partition p concurrently",
    "alter table public.m detach partition public.p concurrently",
    "alter table only m detach partition p concurrently",
    "create subscription s2 connection 'dbname=nowhere' publication one",
    "create subscription s2 connection 'dbname=nowhere' publication one, two with (enabled = false)",
    "create subscription s2 connection 'dbname=nowhere' publication one with (create_slot = true)",
    "create subscription s2 connection 'dbname=nowhere' publication one with (create_slot)",
    "create subscription s2 connection 'dbname=nowhere' publication one with (connect = true, copy_data = false)",
    "alter subscription enabled refresh publication",
    "alter subscription enabled refresh publication with (copy_data = false)",
    "alter subscription enabled set publication one",
    "alter subscription enabled set publication one, two with (copy_data = true)",
    "alter subscription enabled add publication three",
    "alter subscription enabled drop publication two",
    "alter subscription enabled drop publication two with (refresh = true)",
    "discard all",
    "commit prepared 'gone'",
    "rollback prepared 'gone'",
]
INSIDE = [
    "create index i2 on t (a)",
    "create index on t (a)",
    'create index "concurrently" on t (a)',
    "create index if not exists i on t (b)",
    "drop index i",
    "drop index if exists nothing",
    'drop index if exists "concurrently"',
    "reindex index i",
    "reindex table t",
    "reindex (verbose) table t",
    "reindex (concurrently false) table t",
    "reindex (concurrently off) index i",
    "reindex (concurrently 0, verbose) table t",
    "reindex (verbose, concurrently false) table t",
    "analyze",
    "analyze t",
    "cluster t",
    "cluster t using t_pkey",
    "cluster verbose t",
    "cluster (verbose) t",
    "cluster (verbose) t using t_pkey",
    "alter database DATABASE set work_mem = '8MB'",
    "alter database DATABASE reset all",
    "alter database DATABASE connection limit 5",
    "alter database DATABASE with connection limit 5",
    "alter database DATABASE owner to current_user",
    "alter database DATABASE set search_path to public",
    "alter table m detach partition p",
    "alter table t set tablespace pg_default",
    "alter table t add column concurrently int",
    "alter index i rename to concurrently_i",
    "refresh materialized view v",
    "refresh materialized view concurrently v",
    "create subscription s2 connection 'dbname=nowhere' publication one with (connect = false)",
    "create subscription s2 connection 'dbname=nowhere' publication one with (connect=off, slot_name = none)",
    "create subscription s2 connection 'dbname=nowhere' publication one with (create_slot = false, connect = false)",
    "alter subscription sub set publication one with (refresh = false)",
    "alter subscription sub add publication three with (refresh = false, copy_data = false)",
    "alter subscription sub connection 'dbname=elsewhere'",
    "alter subscription sub disable",
    "alter subscription sub set (synchronous_commit = off)",
    "alter subscription sub rename to subscribed",
    "drop subscription sub",
    "create publication pub2 for all tables",
    "alter publication pub set table t",
    "alter type mood add value 'happy'",
    "create type size as enum ('small')",
    "create table vacuum_log (a int)",
    "create schema other create table b (a int)",
    "create table t2 as select * from t",
    "select 1 as concurrently_vacuumed",
    "insert into t values (1, 2)",
    "with x as (delete from t returning a) select * from x",
    "truncate t",
    "copy t to '/dev/null'",
    "comment on table t is 'vacuum'",
    "explain analyze select 1",
    "lock table t in access exclusive mode",
    "notify x",
    "listen x",
    "checkpoint",
    "discard plans",
    "discard temp",
    "discard sequences",
    "prepare q as select 1",
    "deallocate all",
    "set work_mem = '8MB'",
    "set local lock_timeout = '1s'",
    "reset all",
    "set constraints all deferred",
    "alter default privileges grant select on tables to r",
    "grant select on t to r",
    "reassign owned by r to current_user",
    "drop owned by r",
    "create role r2",
    "alter role r set work_mem = '8MB'",
    "create extension plpgsql schema pg_catalog cascade",
    "create event trigger e on ddl_command_end execute function no_such()",
    "do 'begin perform 1; end'",
    "call pr()",
    "alter statistics st set statistics 100",
    "security label on table t is null",
    "import foreign schema x from server y into public",
    "declare c cursor for select 1",
    "table t",
    "values (1)",
    "(select 1)",
]


@pytest.fixture(scope="module", params=["postgres", "postgres16"])
def prepared(request: pytest.FixtureRequest) -> Iterator[psycopg.Connection[Any]]:
    """A connection to a database with something of each kind in it, on each version in turn."""
    server: Server = request.getfixturevalue(request.param)
    with server.database() as url, psycopg.connect(url, autocommit=True, prepare_threshold=None) as conn:
        for command in SETUP.strip().split(";\n"):
            conn.execute(command.strip(";\n"))
        try:
            yield conn
        finally:
            conn.execute("alter subscription enabled disable")
            conn.execute("alter subscription enabled set (slot_name = none)")
            conn.execute("drop subscription sub; drop subscription enabled; drop role r")


def _named(text: str, conn: psycopg.Connection[Any]) -> str:
    return text.replace("DATABASE", conn.info.dbname)


def sqlstate_inside(conn: psycopg.Connection[Any], text: str) -> str | None:
    """Execute a statement inside of a transaction, give its SQLSTATE, and take it back."""
    conn.execute("begin")
    try:
        conn.execute(text)
    except psycopg.Error as error:
        return error.sqlstate
    else:
        return None
    finally:
        conn.execute("rollback")


@pytest.mark.parametrize("text", OUTSIDE)
def test_what_runs_in_no_transaction(text: str, prepared: psycopg.Connection[Any]) -> None:
    """The server refuses it inside of a transaction, and so do we, before anything is executed."""
    text = _named(text, prepared)

    is_known = "since 17" not in text or prepared.info.server_version >= 170000
    assert sqlstate_inside(prepared, text) == ("25001" if is_known else "42601")
    assert not statement(text).kind.runs_in_transaction


@pytest.mark.parametrize("text", INSIDE)
def test_what_runs_in_a_transaction(text: str, prepared: psycopg.Connection[Any]) -> None:
    """The server takes it inside of a transaction (or has another reason to refuse it), and so do we."""
    text = _named(text, prepared)

    assert sqlstate_inside(prepared, text) != "25001"
    assert statement(text).kind.runs_in_transaction


GAPS = st.sampled_from([" ", "\t", "\r\n", "/**/", " /* ; */ ", "--\n", " -- it's\r\n", "/* /* ' */ $$ */", '/* " */'])


@given(st.sampled_from([text for text in OUTSIDE + INSIDE if " -- " not in text]), st.data())
def test_the_verdict_hangs_on_the_words_alone(text: str, data: st.DataObject) -> None:
    """Upper case, white space and comments between the words, nested ones too, change nothing."""
    text = text.partition("  --")[0]
    gaps = re.compile(r"'[^']*'|\"[^\"]*\"|(?P<gap> )|\w+")

    changed = gaps.sub(
        lambda word: data.draw(GAPS) if word["gap"] else _cased(word[0], upper=data.draw(st.booleans())), text
    )

    assert statement(changed).kind.runs_in_transaction == (text in INSIDE)


def _cased(word: str, *, upper: bool) -> str:
    return word.upper() if upper and word[0] not in "'\"" else word


# What hangs on the kind of the object, not on the words: the server says it when the statement is executed.
BY_OBJECT = ["reindex table m", "cluster m using mi", "drop subscription enabled"]


@pytest.mark.parametrize("text", BY_OBJECT)
def test_what_only_the_server_can_know(text: str, prepared: psycopg.Connection[Any]) -> None:
    """A partitioned table or a slot cannot be seen in the words: we send the statement, and the server refuses it."""
    assert sqlstate_inside(prepared, text) == "25001"
    assert statement(text).kind.runs_in_transaction


# -- what would end our transaction ------------------------------------------------------------------------------------

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
TAKE_IT_OUT = f"remove it: the file and its history row are committed together {AROUND}"


def transaction_after(conn: psycopg.Connection[Any], text: str) -> str:
    """Execute a statement inside of a transaction, and say what has become of that."""
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
def test_what_leaves_the_transaction_as_it_is(text: str, prepared: psycopg.Connection[Any]) -> None:
    """Savepoints and all that is no end of a transaction are a file's own business: the server is in ours after it."""
    assert transaction_after(prepared, text) == "ours"
    assert [each.text for each in script(f"select 0; {text}; select 1").statements] == ["select 0", text, "select 1"]


@pytest.mark.parametrize(("text", "words"), ENDS.items(), ids=ENDS)
def test_what_ends_the_transaction_is_refused(text: str, words: str, prepared: psycopg.Connection[Any]) -> None:
    """The server has left our transaction after it, so it is refused at load, with its place."""
    first = text.split(maxsplit=1)[0]

    assert transaction_after(prepared, text) in ("ended", "another")
    assert faults(f"select 1;\n {text};\nselect 2;") == [
        f"2:2 [{first}] `{words}` would end the transaction of the migration → {TAKE_IT_OUT}"
    ]


@pytest.mark.parametrize(("text", "words"), BEGINS.items(), ids=BEGINS)
def test_what_begins_a_second_transaction_is_refused(text: str, words: str) -> None:
    """A BEGIN that is not around the whole file is refused, with its place."""
    first = text.split(maxsplit=1)[0]

    assert faults(f"select 1;\n {text};\nselect 2;") == [
        f"2:2 [{first}] `{words}` would begin a second transaction → {TAKE_IT_OUT}"
    ]


def test_several_transactions_in_one_file_are_refused_each() -> None:
    """Two blocks, as other tools allow them, are two statements too many."""
    text = "begin;\nselect 1;\ncommit;\nbegin;\nselect 2;\ncommit;\n"

    assert faults(text) == [
        f"3:1 [commit] `COMMIT` would end the transaction of the migration → {TAKE_IT_OUT}",
        f"4:1 [begin] `BEGIN` would begin a second transaction → {TAKE_IT_OUT}",
    ]


def test_a_file_without_a_transaction_has_none_of_its_own() -> None:
    """Where each statement is recorded on its own, none may hide in a transaction."""
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
def test_a_file_wrapped_whole_is_executed_in_our_transaction(
    text: str, begin: str, prepared: psycopg.Connection[Any]
) -> None:
    """Its own two statements are not sent, and the options of its BEGIN go to ours, which the server takes."""
    made = script(text)

    assert (made.mode, made.begin) == ("transaction", begin)
    assert [each.text for each in made.statements] == ["select 1"]
    prepared.execute(begin)
    assert prepared.info.transaction_status == TransactionStatus.INTRANS
    prepared.execute("rollback")


@pytest.mark.parametrize("text", ["begin; commit;", "begin; ; commit"])
def test_an_empty_wrap_is_a_file_without_a_statement(text: str) -> None:
    """Nothing stands between the two, so nothing is executed."""
    assert script(text).statements == ()


BEGIN_REFUSED = f"1:1 [begin] `BEGIN` would begin a second transaction → {TAKE_IT_OUT}"
NOT_WRAPPED = {
    "begin alone": ("begin;", BEGIN_REFUSED),
    "begin without commit": ("begin; select 1;", BEGIN_REFUSED),
    "something behind it": ("begin; select 1; commit; select 2", BEGIN_REFUSED),
    "chained": ("begin; select 1; commit and chain", BEGIN_REFUSED),
    "rolled back": ("begin; select 1; rollback", BEGIN_REFUSED),
    "commit without begin": (
        "select 1; commit;",
        f"1:11 [commit] `COMMIT` would end the transaction of the migration → {TAKE_IT_OUT}",
    ),
}


@pytest.mark.parametrize(("text", "first"), NOT_WRAPPED.values(), ids=NOT_WRAPPED)
def test_half_a_wrap_is_refused(text: str, first: str) -> None:
    """What is not one BEGIN first and one COMMIT last is a transaction of its own."""
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
    """The row in the history could not be written."""
    message = "a migration cannot run in a READ ONLY transaction: its history row is written in the same transaction"

    assert faults(text) == [f"{place} {message} → remove READ ONLY"]


def test_options_that_there_are_not_are_refused() -> None:
    """A mistake in the options of BEGIN is found at load, as nothing of it would be sent."""
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
def test_settings_of_the_transaction_come_first(text: str, count: int) -> None:
    """The leading SET TRANSACTION statements are known, as PostgreSQL takes them only before any other."""
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
    """In one transaction, unless it is one statement that runs in none, or says so."""
    assert script(text).mode == mode


STANDS_BESIDE = (
    "cannot run in a transaction, but its file has other statements → put it in a file of its own, or let each"
    " statement of this file run and be recorded on its own: -- sqlmigrate: no-transaction"
)


def test_what_runs_in_no_transaction_stands_alone() -> None:
    """Beside others each of them is named, with its place and what to do."""
    text = "create table t (a int);\ncreate unique index concurrently i on t (a);\n\n  vacuum (full) t;\n"

    assert faults(text) == [
        f"2:1 [create] `CREATE UNIQUE INDEX CONCURRENTLY` {STANDS_BESIDE}",
        f"4:3 [vacuum] `VACUUM` {STANDS_BESIDE}",
    ]


def test_a_wrap_around_what_runs_in_no_transaction_is_refused() -> None:
    """BEGIN and COMMIT around VACUUM could not work in psql either."""
    assert faults("begin;\nvacuum;\ncommit;") == [
        (
            "2:1 [vacuum] `VACUUM` cannot run in a transaction, but it is between BEGIN and COMMIT "
            "→ remove BEGIN and COMMIT: alone in its file, it runs without a transaction"
        )
    ]


# -- what a statement does, and to what --------------------------------------------------------------------------------

DESCRIBED = {
    "create table users (id int)": ("CREATE TABLE", "users"),
    "create table if not exists app.users ()": ("CREATE TABLE", "app.users"),
    "Create Unlogged Table t ()": ("CREATE TABLE", "t"),
    "create global temporary table t ()": ("CREATE TABLE", "t"),
    'create table "Order ""x""" ()': ("CREATE TABLE", '"Order ""x"""'),
    'create table "a b" . "c.d" ()': ("CREATE TABLE", '"a b"."c.d"'),
    "create table größe ()": ("CREATE TABLE", "größe"),
    "create table 表 ()": ("CREATE TABLE", "表"),
    "create table _t$1(a int)": ("CREATE TABLE", "_t$1"),
    "create table public.t(a int)": ("CREATE TABLE", "public.t"),
    "create /* a /* nested */ one */ table -- why\n t ()": ("CREATE TABLE", "t"),
    "create/**/table/* it's */t(a int)": ("CREATE TABLE", "t"),
    "create foreign table f () server s": ("CREATE FOREIGN TABLE", "f"),
    "create view v as select 1": ("CREATE VIEW", "v"),
    "create or replace recursive view v (a) as select 1": ("CREATE VIEW", "v"),
    "create materialized view if not exists v as select 1": ("CREATE MATERIALIZED VIEW", "v"),
    "create index i on t (a)": ("CREATE INDEX", "i"),
    "create unique index concurrently if not exists i on t (a)": ("CREATE INDEX", "i"),
    "create index on t (a)": ("CREATE INDEX", None),
    "create index concurrently on t (a)": ("CREATE INDEX", None),
    "create or replace function app.f(a int) returns int language sql as $$ select 1 $$": ("CREATE FUNCTION", "app.f"),
    "create procedure p() language sql as 'select 1'": ("CREATE PROCEDURE", "p"),
    "create constraint trigger tr after insert on t execute function f()": ("CREATE TRIGGER", "tr"),
    "create event trigger e on ddl_command_end execute function f()": ("CREATE EVENT TRIGGER", "e"),
    "create type mood as enum ('sad')": ("CREATE TYPE", "mood"),
    "create schema if not exists app": ("CREATE SCHEMA", "app"),
    "create extension if not exists pg_trgm": ("CREATE EXTENSION", "pg_trgm"),
    "create trusted procedural language l": ("CREATE LANGUAGE", "l"),
    "create text search configuration c (copy = simple)": ("CREATE TEXT SEARCH CONFIGURATION", "c"),
    "create foreign data wrapper w": ("CREATE FOREIGN DATA WRAPPER", "w"),
    "create user mapping for r server s": ("CREATE USER MAPPING", None),
    "create operator class oc for type int using btree as storage int": ("CREATE OPERATOR CLASS", "oc"),
    "create default conversion c for 'UTF8' to 'LATIN1' from f": ("CREATE CONVERSION", "c"),
    "create cast (a as b) without function": ("CREATE CAST", None),
    "create operator + (function = f)": ("CREATE OPERATOR", None),
    "create statistics on a, b from t": ("CREATE STATISTICS", None),
    "create policy p on t": ("CREATE POLICY", "p"),
    "create sequence s": ("CREATE SEQUENCE", "s"),
    "alter table only t add column a int": ("ALTER TABLE", "t"),
    "alter table if exists app.t rename to u": ("ALTER TABLE", "app.t"),
    "alter default privileges in schema app grant select on tables to r": ("ALTER DEFAULT PRIVILEGES", None),
    "alter table all in tablespace x set tablespace y": ("ALTER TABLE", None),
    "drop table if exists a, b": ("DROP TABLE", "a"),
    "drop index concurrently if exists s.i": ("DROP INDEX", "s.i"),
    "drop function f(int, text)": ("DROP FUNCTION", "f"),
    "drop owned by r": ("DROP OWNED BY", "r"),
    "comment on column app.t.a is 'x'": ("COMMENT ON COLUMN", "app.t.a"),
    "comment on materialized view v is null": ("COMMENT ON MATERIALIZED VIEW", "v"),
    "security label on table t is null": ("SECURITY LABEL ON TABLE", "t"),
    "refresh materialized view concurrently v": ("REFRESH MATERIALIZED VIEW", "v"),
    "insert into t values (1)": ("INSERT", "t"),
    "update only t set a = 1": ("UPDATE", "t"),
    "delete from app.t": ("DELETE", "app.t"),
    "merge into t using u on true when matched then delete": ("MERGE", "t"),
    "truncate table only t": ("TRUNCATE", "t"),
    "truncate t": ("TRUNCATE", "t"),
    "copy t (a) from '/f'": ("COPY", "t"),
    "copy (select 1) to stdout": ("COPY", None),
    "lock table t": ("LOCK", "t"),
    "reindex table concurrently t": ("REINDEX", "t"),
    "vacuum full verbose t": ("VACUUM", "t"),
    "vacuum (full) t": ("VACUUM", None),
    "vacuum": ("VACUUM", None),
    "call app.p(1)": ("CALL", "app.p"),
    "set local work_mem = '8MB'": ("SET", "work_mem"),
    "select a from t": ("SELECT", None),
    "with x as (select 1) select * from x": ("WITH", None),
    "((select 1))": ("SELECT", None),
    "do $$ begin end $$": ("DO", None),
    "grant select on t to r": ("GRANT", None),
}


@pytest.mark.parametrize(("text", "expected"), DESCRIBED.items(), ids=DESCRIBED)
def test_a_statement_is_named_by_its_verb_and_object(text: str, expected: tuple[str, str | None]) -> None:
    """The verb is in PostgreSQL's words, the object's name as it is written; without one there is none."""
    of = statement(text)

    assert (of.kind.verb, of.object_name) == expected
    assert of.title == " ".join(filter(None, expected))


# -- directives --------------------------------------------------------------------------------------------------------

GOOD = {
    "-- sqlmigrate: no-transaction": ("no-transaction", ""),
    "--sqlmigrate:no-transaction": ("no-transaction", ""),
    "--   sqlmigrate \t:  no-transaction  ": ("no-transaction", ""),
    "-- sqlmigrate: lock-timeout 5s": ("lock-timeout", "5s"),
    "-- sqlmigrate: lock-timeout 500 ms": ("lock-timeout", "500 ms"),
    "-- sqlmigrate: lock-timeout 0": ("lock-timeout", "0"),
    "-- sqlmigrate: lock-timeout 700us": ("lock-timeout", "700us"),
    "-- sqlmigrate: lock-timeout 24d": ("lock-timeout", "24d"),
    "-- sqlmigrate: statement-timeout 10min": ("statement-timeout", "10min"),
    "-- sqlmigrate: statement-timeout 2h": ("statement-timeout", "2h"),
    "-- sqlmigrate: irreversible": ("irreversible", ""),
    "-- sqlmigrate: irreversible (the column is gone)": ("irreversible", "(the column is gone)"),
    "-- sqlmigrate: irreversible (with (more) of them)": ("irreversible", "(with (more) of them)"),
    "-- sqlmigrate: allow rewrites-table (it is small)": ("allow", "rewrites-table (it is small)"),
}


@pytest.mark.parametrize("line_end", ["\n", "\r\n", "\r"], ids=["LF", "CRLF", "CR"])
@pytest.mark.parametrize(("line", "expected"), GOOD.items(), ids=GOOD)
def test_a_directive_at_the_head(line: str, expected: tuple[str, str], line_end: str) -> None:
    """It is read with its value and its place, whatever white space is around its parts and ends its line."""
    (directive,) = script(f"-- why{line_end}{line}{line_end}select 1;").directives

    assert (directive.name, directive.value) == expected
    assert (directive.span.text, directive.span.line, directive.span.column) == (line.rstrip(), 2, 1)
    assert directive.above is None


@pytest.mark.parametrize("line", [line for line in GOOD if "-timeout" in line])
def test_the_server_takes_every_duration_that_we_take(line: str, prepared: psycopg.Connection[Any]) -> None:
    """The value of a timeout is sent as it is, and the server knows it."""
    (directive,) = script(line).directives

    prepared.execute(f"set {directive.name.replace('-', '_')} = '{directive.value}'")
    prepared.execute("reset all")


def test_several_directives_stand_together() -> None:
    """All directives of the head are read, in their order, and give their values."""
    made = script(
        "-- Fill the column\n-- sqlmigrate: no-transaction\n\n--sqlmigrate: lock-timeout 1s\n"
        "-- sqlmigrate: allow rewrites-table (small)\n-- sqlmigrate: allow drops-column (unused)\nselect 1;"
    )

    assert [each.name for each in made.directives] == ["no-transaction", "lock-timeout", "allow", "allow"]
    assert (made.value("no-transaction"), made.value("lock-timeout")) == ("", "1s")
    assert made.value("statement-timeout") is None


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("-- sqlmigrate: irreversible", "its up file says so"),
        ("-- sqlmigrate: irreversible (the data are gone)", "the data are gone"),
        ("-- plain", None),
    ],
)
def test_why_there_is_no_way_back(line: str, reason: str | None) -> None:
    """The reason is what stands in the parentheses; without one, that the file says so."""
    assert script(f"{line}\nselect 1").irreversible == reason


def test_allow_stands_at_the_head_or_above_a_statement() -> None:
    """At the head it is meant for the file, right above a later statement for that one."""
    text = (
        "-- sqlmigrate: allow a-rule (for all)\nselect 1;\n-- sqlmigrate: allow b-rule (for this)\n\n/* and */\n"
        "-- sqlmigrate: allow c-rule (too)\nselect 2; select 3;\n-- sqlmigrate: allow d-rule (for nothing)\n"
    )

    made = script(text)

    assert [(each.value.split()[0], each.above and each.above.text) for each in made.directives] == [
        ("a-rule", None), ("b-rule", "select 2"), ("c-rule", "select 2"), ("d-rule", None),
    ]  # fmt: skip


NOT_READ = {
    "in a block comment": "/* say\n-- sqlmigrate: nonsense\n*/ select 1;",
    "in a nested block comment": "/* a /* b */\n-- sqlmigrate: nonsense\n*/ select 1;",
    "in a string": "select '\n-- sqlmigrate: nonsense\n';",
    "in a function": "create function f() returns int language sql as $$\n-- sqlmigrate: nonsense\nselect 1 $$;",
    "in a quoted name": 'select 1 as "\n-- sqlmigrate: nonsense\n";',
    "inside of a statement": "select 1\n-- sqlmigrate: nonsense\n+ 1;",
    "in the data of a COPY": "copy t from stdin;\n-- sqlmigrate: nonsense\n\\.\n",
    "behind other words": "-- see sqlmigrate: nonsense\nselect 1;",
    "a sentence about us": "-- sqlmigrate does this in one transaction\nselect 1;",
    "another tool's": "-- migrate:up transaction:false\n-- +goose Up\nselect 1;",
    "another word": "-- sqlmigrates: nonsense\nselect 1;",
}


@pytest.mark.parametrize("text", NOT_READ.values(), ids=NOT_READ)
def test_what_is_no_directive(text: str) -> None:
    """Only a `--` comment of its own, outside of statements, that begins with our name is read."""
    assert script(text).directives == ()


KNOWN = "the directives are no-transaction, lock-timeout, statement-timeout, irreversible, allow"
DURATION = "write a number and a unit (ms, s, min, h, d): -- sqlmigrate: "
BAD = {
    "-- sqlmigrate: no-transactions": (
        "1:16 [no-transactions] unknown directive `no-transactions`",
        "did you mean `no-transaction`?",
    ),
    "-- sqlmigrate: notransaction": (
        "1:16 [notransaction] unknown directive `notransaction`",
        "did you mean `no-transaction`?",
    ),
    "-- sqlmigrate: No-Transaction": (
        "1:16 [No-Transaction] unknown directive `No-Transaction`",
        "did you mean `no-transaction`?",
    ),
    "-- sqlmigrate: lock_timeout 5s": (
        "1:16 [lock_timeout] unknown directive `lock_timeout`",
        "did you mean `lock-timeout`?",
    ),
    "-- sqlmigrate: statment-timeout 5s": (
        "1:16 [statment-timeout] unknown directive `statment-timeout`",
        "did you mean `statement-timeout`?",
    ),
    "-- sqlmigrate: ireversible": (
        "1:16 [ireversible] unknown directive `ireversible`",
        "did you mean `irreversible`?",
    ),
    "-- sqlmigrate: xyz": (
        "1:16 [xyz] unknown directive `xyz`",
        KNOWN,
    ),
    "-- sqlmigrate:": (
        "1:1 [-- sqlmigrate:] the directive has no name",
        KNOWN,
    ),
    "-- sqlmigrate no-transaction": (
        "1:15 [no-transaction] a directive needs a colon",
        "-- sqlmigrate: no-transaction",
    ),
    "-- sqlmigrate lock-timeout 5s": (
        "1:15 [lock-timeout] a directive needs a colon",
        "-- sqlmigrate: lock-timeout 5s",
    ),
    "-- sqlmigrate: no-transaction please": (
        "1:31 [please] the directive `no-transaction` takes no value, but has `please`",
        "-- sqlmigrate: no-transaction",
    ),
    "-- sqlmigrate: lock-timeout": (
        "1:1 [-- sqlmigrate: lock-timeout] the directive `lock-timeout` needs a duration",
        DURATION + "lock-timeout 5s",
    ),
    "-- sqlmigrate: lock-timeout 5 seconds": (
        "1:29 [5 seconds] `5 seconds` is not a duration",
        DURATION + "lock-timeout 5s",
    ),
    "-- sqlmigrate: lock-timeout -1": (
        "1:29 [-1] `-1` is not a duration",
        DURATION + "lock-timeout 5s",
    ),
    "-- sqlmigrate: lock-timeout 1.5s": (
        "1:29 [1.5s] `1.5s` is not a duration",
        DURATION + "lock-timeout 5s",
    ),
    "-- sqlmigrate: lock-timeout 5s'; drop table t": (
        "1:29 [5s'; drop table t] `5s'; drop table t` is not a duration",
        DURATION + "lock-timeout 5s",
    ),
    "-- sqlmigrate: statement-timeout 25d": (
        "1:34 [25d] `25d` is longer than PostgreSQL can wait, which is 24 days",
        DURATION + "statement-timeout 5s",
    ),
    "-- sqlmigrate: irreversible because": (
        "1:29 [because] expected a reason in parentheses, not `because`",
        "-- sqlmigrate: irreversible (because)",
    ),
    "-- sqlmigrate: irreversible ()": (
        "1:29 [()] expected a reason in parentheses, not `()`",
        "-- sqlmigrate: irreversible (why)",
    ),
    "-- sqlmigrate: allow": (
        "1:1 [-- sqlmigrate: allow] the directive `allow` needs a rule and a reason",
        "-- sqlmigrate: allow RULE (why it is intended)",
    ),
    "-- sqlmigrate: allow rewrites-table": (
        "1:22 [rewrites-table] the directive `allow` needs a rule and a reason",
        "-- sqlmigrate: allow RULE (why it is intended)",
    ),
    "-- sqlmigrate: allow rewrites-table ( )": (
        "1:22 [rewrites-table ( )] the directive `allow` needs a rule and a reason",
        "-- sqlmigrate: allow RULE (why it is intended)",
    ),
    "-- sqlmigrat: no-transaction": (
        "1:4 [sqlmigrat] `sqlmigrat:` does not begin a directive",
        "did you mean `-- sqlmigrate: no-transaction`?",
    ),
    "-- SQLMigrate: lock-timeout 5s": (
        "1:4 [SQLMigrate] `SQLMigrate:` does not begin a directive",
        "did you mean `-- sqlmigrate: lock-timeout`?",
    ),
    "/* sqlmigrate: no-transaction */": (
        "1:4 [sqlmigrate] a directive must be a `--` comment of its own",
        "-- sqlmigrate: no-transaction …",
    ),
}


@pytest.mark.parametrize(("line", "expected"), BAD.items(), ids=BAD)
def test_a_directive_that_cannot_be_meant_is_refused(line: str, expected: tuple[str, str]) -> None:
    """The fault is named with its place, and the nearest right way to write it."""
    assert faults(f"{line}\nselect 1;") == [" → ".join(expected)]


def test_the_place_of_a_directive_counts_in_the_file() -> None:
    """Line and column are those of the file, with CRLF, an indent and wide characters before it."""
    assert faults("-- 表😀\r\n/* 表 */  -- sqlmigrate: nonsense\r\nselect 1;") == [
        f"2:25 [nonsense] unknown directive `nonsense` → {KNOWN}"
    ]


@pytest.mark.parametrize("line", [line for line in GOOD if "allow" not in line])
def test_a_directive_behind_a_statement_is_refused(line: str) -> None:
    """What holds for the whole file stands at its head: in the middle it would be read too late by whoever reads."""
    name, line = GOOD[line][0], line.rstrip()

    hint = "move it to the top of the file, before the first statement"
    fault = f"2:1 [{line}] the directive `{name}` comes after a statement → {hint}"

    assert faults(f"select 1;\n{line}\nselect 2;") == [fault]
    assert faults(f"select 1;\n{line}\n") == [fault]


def test_a_directive_that_stands_twice_is_refused() -> None:
    """Which of two values is meant is not guessed; only `allow` may stand often."""
    assert faults("-- sqlmigrate: lock-timeout 5s\n-- sqlmigrate: lock-timeout 6s\nselect 1;") == [
        (
            "2:1 [-- sqlmigrate: lock-timeout 6s] the directive `lock-timeout` is here and in line 1"
            " → remove one of the two"
        )
    ]


def test_every_fault_of_a_file_is_said_at_once() -> None:
    """Directives and statements are looked at together."""
    text = "-- sqlmigrate: nonsense\n-- sqlmigrate: lock-timeout x\nselect 1;\ncommit;\nvacuum;\n"

    assert [line.split(" ")[0] for line in faults(text)] == ["1:16", "2:29", "4:1", "5:1"]
