"""What the server itself writes into the catalogs is not part of the schema: after up and down nothing is left."""

from __future__ import annotations

from pathlib import Path

import pytest
from tested_version import NEWEST

from sqlmigrate.files.migration import Migration
from sqlmigrate.review import pipeline
from sqlmigrate.review.new.subjects import Subjects
from sqlmigrate.shadow import databases
from sqlmigrate.source import Source

pytestmark = pytest.mark.sampled(3)

BASE = """\
create table t (id int primary key, a text, b int);
create table p (id int primary key);
create index t_b on t (b);
create view v as select id, a from t;
create materialized view m as select id from t;
create unique index m_id on m (id);
create role app;
grant create on schema public to app;
create sequence s;
create function f() returns trigger language plpgsql as 'begin return new; end';
create type e as enum ('a', 'b');
create domain d as int check (value > 0);
create collation c (locale = 'C');
create table parts (id int, k int) partition by list (k);
create table parts_1 partition of parts for values in (1);
"""
CASES = {
    "column default": ("alter table t add column x int not null default 7;", "alter table t drop column x;"),
    "volatile default": (
        "alter table t add column x timestamptz default clock_timestamp();",
        "alter table t drop column x;",
    ),
    "trigger": ("create trigger g before insert on t for each row execute function f();", "drop trigger g on t;"),
    "fk": (
        "alter table t add constraint k foreign key (b) references p not valid;",
        "alter table t drop constraint k;",
    ),
    "toast option": (
        "alter table t set (toast.autovacuum_enabled = off, fillfactor = 70);",
        "alter table t reset (toast.autovacuum_enabled, fillfactor);",
    ),
    "column option": ("alter table t alter a set (n_distinct = 5);", "alter table t alter a reset (n_distinct);"),
    "statistics": ("alter table t alter a set statistics 500;", "alter table t alter a set statistics -1;"),
    "storage": ("alter table t alter a set storage external;", "alter table t alter a set storage extended;"),
    "grant": ("grant select on t to app;", "revoke select on t from app;"),
    "grant column": ("grant select (a) on t to app;", "revoke select (a) on t from app;"),
    "grant function": ("revoke execute on function f() from public;", "grant execute on function f() to public;"),
    "grant schema": ("grant usage on schema public to app;", "revoke usage on schema public from app;"),
    "default acl": (
        "alter default privileges grant select on tables to app;",
        "alter default privileges revoke select on tables from app;",
    ),
    "comment": (
        "comment on table t is 'x'; comment on column t.a is 'y';",
        "comment on table t is null; comment on column t.a is null;",
    ),
    "rls": (
        "alter table t enable row level security; create policy y on t using (true);",
        "drop policy y on t; alter table t disable row level security;",
    ),
    "db setting": (
        "do $$ begin execute format('alter database %I set work_mem = ''5MB''', current_database()); end $$;",
        "do $$ begin execute format('alter database %I reset work_mem', current_database()); end $$;",
    ),
    "analyze": ("analyze t;", "analyze t;"),
    "cluster": ("alter table t cluster on t_b;", "alter table t set without cluster;"),
    "replident": ("alter table t replica identity full;", "alter table t replica identity default;"),
    "identity": ("alter table p alter id add generated always as identity;", "alter table p alter id drop identity;"),
    "logged": ("alter table p set unlogged;", "alter table p set logged;"),
    "inherit": ("create table ch () inherits (t);", "drop table ch;"),
    "partition": ("create table parts_2 partition of parts for values in (2);", "drop table parts_2;"),
    "detach": (
        "alter table parts detach partition parts_1;",
        "alter table parts attach partition parts_1 for values in (1);",
    ),
    "index": ("drop index t_b;", "create index t_b on t (b);"),
    "ext stats": ("create statistics st on a, b from t;", "drop statistics st;"),
    "pk": ("alter table p drop constraint p_pkey;", "alter table p add primary key (id);"),
    "rename": ("alter table t rename a to z;", "alter table t rename z to a;"),
    "view": (
        "create or replace view v as select id, a, b from t;",
        "drop view v; create view v as select id, a from t;",
    ),
    "type": ("alter table t alter b type bigint;", "alter table t alter b type int;"),
    "type widen": (
        "alter table p add column q varchar(10); alter table p alter q type varchar(20);",
        "alter table p drop column q;",
    ),
    "default": ("alter table t alter b set default 3;", "alter table t alter b drop default;"),
    "owner": ("alter table p owner to app;", "alter table p owner to current_user;"),
    "collation": ("create collation c2 (locale = 'C');", "drop collation c2;"),
    "publication": ("create publication pb for table t;", "drop publication pb;"),
    "sequence": ("alter sequence s increment 5 cache 3;", "alter sequence s increment 1 cache 1;"),
    "function": (
        "create or replace function f() returns trigger language plpgsql as 'begin new.a = 1; return new; end';",
        "create or replace function f() returns trigger language plpgsql as 'begin return new; end';",
    ),
    "rule": ("create rule r as on delete to v do instead nothing;", "drop rule r on v;"),
    "matview": ("refresh materialized view m;", "refresh materialized view m;"),
    "truncate": (
        "create table tt (id int); insert into tt select generate_series(1,9); truncate tt;",
        "drop table tt;",
    ),
    "disable trigger": ("alter table t disable trigger user;", "alter table t enable trigger user;"),
    "domain constraint": (
        "alter domain d add constraint big check (value < 1000) not valid; alter domain d validate constraint big;",
        "alter domain d drop constraint big;",
    ),
    "role setting": (
        "do $$ begin execute format('alter role app in database %I set jit = off', current_database()); end $$;",
        "do $$ begin execute format('alter role app in database %I reset jit', current_database()); end $$;",
    ),
    "reindex": ("reindex index t_b;", "reindex index t_b;"),
}
if NEWEST >= 14:
    CASES["compression"] = (
        "alter table t alter a set compression pglz;",
        "alter table t alter a set compression default;",
    )

ABOUT_DIFFERENCES = ("down-incomplete", "down-fails", "reapply-fails", "statement-fails", "data-not-restored")


@pytest.mark.parametrize("case", CASES)
def test_marks_of_the_server_are_no_difference(case: str, server: databases.Shadow) -> None:
    """Counters of altered columns, empty lists of options, flags that stay set."""
    up, down = CASES[case]
    base = Migration("001", "base", Source("sql/001_base.up.sql", BASE), None)
    new = Migration("002", "new", Source("sql/002_new.up.sql", up), Source("sql/002_new.down.sql", down))
    subjects = Subjects("main", (base,), (new,), (), is_merged=True)

    result = pipeline.review_on(server, subjects, pipeline.Settings(Path(), limit=5.0))

    (reviewed,) = result.migrations
    assert [each.message for each in reviewed.findings if each.rule.name in ABOUT_DIFFERENCES] == []
    assert reviewed.trip is not None
    assert (reviewed.trip.up.error, reviewed.trip.left, reviewed.trip.again) == (None, (), ())
