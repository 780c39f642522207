"""What a statement is, as its words show it; and what the real servers say about the same statements."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import psycopg
import pytest
from cluster import Server
from psycopg.pq import TransactionStatus

from sqlmigrate.errors import MigrationError
from sqlmigrate.source import Source
from sqlmigrate.split import Statement
from sqlmigrate.statement import Script, describe, object_name, read, runs_in_transaction, verb, words

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
create table p partition of m for values from (0) to (10);
create materialized view v as select 1 as one;
create unique index vi on v (one);
create type mood as enum ('sad');
create publication pub for table t;
create role r;
create subscription sub connection 'dbname=nowhere' publication one, two with (connect = false, slot_name = none);
create subscription with_slot connection 'dbname=nowhere' publication one with (connect = false);
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
    "cluster (verbose)",
    "cluster (verbose off)",
    "alter table m detach partition p concurrently",
    "alter table if exists m detach partition p concurrently",
    "alter table public.m detach partition public.p concurrently",
    "alter table only m detach partition p concurrently",
    "create subscription s2 connection 'dbname=nowhere' publication one",
    "create subscription s2 connection 'dbname=nowhere' publication one, two with (enabled = false)",
    "create subscription s2 connection 'dbname=nowhere' publication one with (create_slot = true)",
    "create subscription s2 connection 'dbname=nowhere' publication one with (create_slot)",
    "create subscription s2 connection 'dbname=nowhere' publication one with (connect = true, copy_data = false)",
    "alter subscription sub refresh publication",
    "alter subscription sub refresh publication with (copy_data = false)",
    "alter subscription sub set publication one",
    "alter subscription sub set publication one, two with (copy_data = true)",
    "alter subscription sub add publication three",
    "alter subscription sub drop publication two",
    "alter subscription sub drop publication two with (refresh = true)",
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
    "create subscription s2 connection 'dbname=nowhere' publication one, two with (create_slot = false, enabled = false, connect = false)",
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
    with server.database() as url, psycopg.connect(url, autocommit=True) as conn:
        for command in SETUP.strip().split(";\n"):
            conn.execute(command.strip(";\n"))
        try:
            yield conn
        finally:
            conn.execute("alter subscription with_slot set (slot_name = none)")
            conn.execute("drop subscription if exists sub; drop subscription if exists with_slot; drop role r")


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

    assert sqlstate_inside(prepared, text) == "25001"
    assert not runs_in_transaction(statement(text))


@pytest.mark.parametrize("text", INSIDE)
def test_what_runs_in_a_transaction(text: str, prepared: psycopg.Connection[Any]) -> None:
    """The server takes it inside of a transaction (or has another reason to refuse it), and so do we."""
    text = _named(text, prepared)

    assert sqlstate_inside(prepared, text) != "25001"
    assert runs_in_transaction(statement(text))
