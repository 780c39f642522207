"""What a statement is, as its words show it, and what real servers say about the same statements."""

from __future__ import annotations

import re
from typing import Any

import psycopg
import pytest
from hypothesis import given, settings, strategies as st
from parsed_files import statement
from sample_size import examples

from sqlmigrate.parsing import classify
from sqlmigrate.parsing.classify import CatalogEffect

# -- in or out of a transaction: the servers decide --------------------------------------------------------------------


# All statements that call PreventInTransactionBlock(), and statements that look like them. Each one is sent to both
# servers inside a transaction: SQLSTATE 25001 says that it cannot run there. DATABASE stands for a database.
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
    "alter subscription slotted set (failover = true)  -- since 17",
    "alter subscription slotted set (slot_name = one, failover)  -- since 17",
    "alter subscription slotted set (two_phase = false)  -- since 18",
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


def _named(text: str, conn: psycopg.Connection[Any]) -> str:
    return text.replace("DATABASE", conn.info.dbname)


def sqlstate_inside(conn: psycopg.Connection[Any], text: str) -> str | None:
    """Execute a statement inside a transaction, return its SQLSTATE, and roll back."""
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
def test_statements_that_cannot_run_in_a_transaction(text: str, prepared: psycopg.Connection[Any]) -> None:
    """The server refuses it inside a transaction; we know that before anything is executed."""
    text = _named(text, prepared)

    is_known = "-- since 1" not in text or prepared.info.server_version >= 170000
    assert sqlstate_inside(prepared, text) == ("25001" if is_known else "42601")
    assert not statement(text).kind.runs_in_transaction


@pytest.mark.parametrize("text", INSIDE)
def test_statements_that_run_in_a_transaction(text: str, prepared: psycopg.Connection[Any]) -> None:
    """The server accepts it inside a transaction, or refuses it for another reason."""
    text = _named(text, prepared)

    assert sqlstate_inside(prepared, text) != "25001"
    assert statement(text).kind.runs_in_transaction


GAPS = st.sampled_from([" ", "\t", "\r\n", "/**/", " /* ; */ ", "--\n", " -- it's\r\n", "/* /* ' */ $$ */", '/* " */'])


@given(st.sampled_from([text for text in OUTSIDE + INSIDE if " -- " not in text]), st.data())
def test_only_the_words_matter(text: str, data: st.DataObject) -> None:
    """Upper case, white space and comments between the words, nested ones too, make no difference."""
    text = text.partition("  --")[0]
    gaps = re.compile(r"'[^']*'|\"[^\"]*\"|(?P<gap> )|\w+")

    changed = gaps.sub(
        lambda word: data.draw(GAPS) if word["gap"] else _cased(word[0], upper=data.draw(st.booleans())), text
    )

    assert statement(changed).kind.runs_in_transaction == (text in INSIDE)


def _cased(word: str, *, upper: bool) -> str:
    return word.upper() if upper and word[0] not in "'\"" else word


# Here the words are not enough, because it depends on the object: only the server can tell, during execution.
BY_OBJECT = ["reindex table m", "cluster m using mi", "drop subscription enabled"]


@pytest.mark.parametrize("text", BY_OBJECT)
def test_statements_that_only_the_server_can_judge(text: str, prepared: psycopg.Connection[Any]) -> None:
    """The words do not show a partitioned table or a slot: the statement is sent, and the server refuses it."""
    assert sqlstate_inside(prepared, text) == "25001"
    assert statement(text).kind.runs_in_transaction


# -- verb and object ---------------------------------------------------------------------------------------------------

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
def test_verb_and_object(text: str, expected: tuple[str, str | None]) -> None:
    """The verb is in PostgreSQL's words, the name of the object as it is written; None if there is no name."""
    of = statement(text)

    assert (of.kind.verb, of.object_name) == expected
    assert of.title == " ".join(filter(None, expected))


# -- what it does to the session and to the catalog --------------------------------------------------------------------

SETTINGS = {
    "set role app": "role",
    "set session search_path to app": "search_path",
    "SET Work_Mem = '8MB'": "work_mem",
    "reset role": "role",
    "select set_config('search_path', 'app', false)": "search_path",
    "select pg_catalog.set_config('role', 'app', false)": "role",
    "set local role app": None,
    "set transaction isolation level serializable": None,
    "set constraints all deferred": None,
    "select 1": None,
    "insert into t values (1)": None,
}


@pytest.mark.parametrize(("text", "setting"), SETTINGS.items(), ids=SETTINGS)
def test_settings_for_the_session(text: str, setting: str | None) -> None:
    """A setting that stays after the statement is known by its name; one for the transaction is not."""
    assert statement(text).kind.session_setting == setting


EFFECTS = {
    "create index concurrently i on app.t (a)": CatalogEffect("create index", "i", "app.t"),
    'create unique index concurrently if not exists "I" on only t (a)': CatalogEffect("create index", '"I"', "t"),
    "drop index concurrently if exists app.i": CatalogEffect("drop index", "app.i"),
    "alter table m detach partition app.p concurrently": CatalogEffect("detach partition", "app.p", "m"),
    "create database shop": CatalogEffect("create database", "shop"),
    "drop database if exists shop": CatalogEffect("drop database", "shop"),
    "create subscription s connection 'x' publication a, b": CatalogEffect("create subscription", "s"),
    "create subscription s connection 'x' publication a with (connect = false)": None,
    "drop subscription if exists s cascade": CatalogEffect("drop subscription", "s"),
    "create tablespace t owner o location '/'": CatalogEffect("create tablespace", "t"),
    "drop tablespace t": CatalogEffect("drop tablespace", "t"),
    "create index concurrently on app.t (a)": CatalogEffect("create unnamed index", "", "app.t"),
    "create unique index concurrently on only t (a)": CatalogEffect("create unnamed index", "", "t"),
    "drop index concurrently i, j": None,
    "create index i on t (a)": None,
    "drop index i": None,
    "alter table m detach partition p": None,
    "vacuum t": None,
    "reindex index concurrently app.i": CatalogEffect("reindex index", "app.i"),
    "reindex (concurrently, verbose) table t": CatalogEffect("reindex table", "t"),
    "reindex schema concurrently app": CatalogEffect("reindex schema", "app"),
    "reindex database concurrently": CatalogEffect("reindex database", ""),
    'reindex (verbose, concurrently true) database "Shop"': CatalogEffect("reindex database", '"Shop"'),
    "reindex schema app": None,
}


@pytest.mark.parametrize(("text", "effect"), EFFECTS.items(), ids=EFFECTS)
def test_effects_that_the_catalog_shows(text: str, effect: CatalogEffect | None) -> None:
    """Of a statement without a transaction it is known which object shows that it took effect, if one does."""
    assert statement(text).kind.catalog_effect == effect


# -- words that need no lexer ------------------------------------------------------------------------------------------

PIECES = (
    "create", "or", "replace", "table", "materialized", "view", "if", "not", "null", "exists", "on", "as", "select",
    "double precision", "order by", "values", "in", "case", "end", "a", "a1", "a.b.c", "t1.*", "1", "12.5", ".5", "1.",
    "1..2", "1e5", "1abc", "'x'", "''", "'a' 'b'", "'it''s'", "E'x'", "e'\\''", "U&'x'", "B'101'", "N'x'", "x'1F'",
    '"a"."b"', '"a""b"', '""', 'U&"x"', "$1", "a$b", "$$x$$", "(", ")", ",", ";", "*", "=", "==", "<=", "=-1", "::",
    "-1", "+", "a[1]", "@x", "#t", "`q`", "é", "\u00a0", "\t", "\n", "\r", "--x\n", "--\r", "/*z*/", "/* /* */ */",
    "varying(10)", "at time zone 'utc'", "(-1)", ":name", "a=b", "a = 'b'",
)  # fmt: skip


@settings(max_examples=examples(2000))
@given(st.lists(st.sampled_from(PIECES), max_size=9), st.sampled_from(("", " ", "\n")))
def test_plain_words_are_those_of_sqlparse(pieces: list[str], between: str) -> None:
    """Where words are read without sqlparse, they are the same."""
    text = between.join(pieces)

    found = classify._plain_words(text)

    assert found in (None, tuple(classify._words(text))[: classify._HEAD_WORDS])


@pytest.mark.parametrize(
    "text", ["create table t (id int);", "-- why\nalter table a.b add c varchar(10) default 'x'::text", 'drop view "V"']
)
def test_most_statements_need_no_lexer(text: str) -> None:
    assert classify._plain_words(text) == tuple(classify._words(text))
