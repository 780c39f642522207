"""Everyday migrations that need no word: a review that cries wolf is switched off."""

from __future__ import annotations

from pathlib import Path

import pytest

from sqlmigrate.files.migration import Migration
from sqlmigrate.review import pipeline
from sqlmigrate.review.new.subjects import Subjects
from sqlmigrate.shadow import databases
from sqlmigrate.source import Source

TOTAL_OF = (
    "create function total_of(o bigint) returns numeric language sql stable as 'select total from orders where id = o'"
)
SETUP = f"""\
create type state as enum ('open', 'done');
create table customers (id bigint generated always as identity primary key, name text not null, email text);
create table orders (
    id bigserial primary key,
    customer bigint references customers,
    state state not null default 'open',
    total numeric(10, 2) not null default 0 check (total >= 0),
    note varchar(20)
);
create index orders_customer on orders (customer);
create index orders_note on orders (note, id);
create table proven (id bigint primary key, a text constraint proven_a check (a is not null and a <> ''));
create function unused() returns trigger language plpgsql as 'begin return new; end';
create table secrets (id bigint primary key, owner name not null);
create policy own on secrets using (owner = current_user);
alter table secrets enable row level security;
create view open_orders as select id, total from orders where state = 'open';
{TOTAL_OF};
insert into customers (name) select 'Customer ' || i from generate_series(1, 200) i;
insert into orders (customer, total) select i, i from generate_series(1, 200) i;
insert into proven select i, 'a' from generate_series(1, 200) i;
insert into secrets select i, 'somebody' from generate_series(1, 200) i;
"""
SAFE = {
    "a new table": (
        """create table invoices (id bigserial primary key, orders bigint references orders, paid boolean not null);
        create index invoices_orders on invoices (orders);
        insert into invoices (orders, paid) values (1, true);""",
        "drop table invoices;",
    ),
    "a column": ("alter table orders add column currency text;", "alter table orders drop column currency;"),
    "a column with a default": (
        "alter table orders add column currency text not null default 'EUR';",
        "alter table orders drop column currency;",
    ),
    "a longer text": (
        "alter table orders alter column note type text;",
        None,
    ),
    "a constraint not valid": (
        "alter table orders add constraint note_short check (length(note) < 10) not valid;",
        "alter table orders drop constraint note_short;",
    ),
    "an index during the traffic": (
        "create index concurrently orders_total on orders (total);",
        "drop index concurrently orders_total;",
    ),
    "drop if exists of nothing": ("drop table if exists nothing; drop view if exists nowhere;", "select 1;"),
    "drop if exists of a column": ("alter table orders drop column if exists nothing;", "select 1;"),
    "if not exists of the same table": (
        """create table if not exists customers (
            id bigint generated always as identity primary key, name text not null, email text
        );""",
        "select 1;",
    ),
    "if not exists of the same column": (
        "alter table orders add column if not exists note varchar(20);", "select 1;",
    ),
    "if not exists of a schema and a label": (
        "create schema if not exists public; alter type state add value if not exists 'open';", "select 1;",
    ),
    "a view replaced": (
        "create or replace view open_orders as select id, total from orders where state <> 'done';",
        "create or replace view open_orders as select id, total from orders where state = 'open';",
    ),
    "a function replaced": (
        "create or replace function total_of(o bigint) returns numeric language sql stable as 'select 0.0';",
        f"{TOTAL_OF.replace('create', 'create or replace')};",
    ),
    "rights": ("grant select on orders to reporting;", "revoke select on orders from reporting;"),
    "a comment": ("comment on table orders is 'what people buy';", "comment on table orders is null;"),
    "a default": (
        "alter table customers alter column email set default '';",
        "alter table customers alter column email drop default;",
    ),
    "a few rows": ("insert into customers (name) values ('Ada');", "delete from customers where name = 'Ada';"),
    "one row changed": (
        "update customers set email = 'a@example.org' where id = 7;",
        "update customers set email = null where id = 7;",
    ),
    "a row that only its owner sees": (
        "update secrets set owner = 'nobody' where id = 7;",
        "update secrets set owner = 'somebody' where id = 7;",
    ),
    "a new enum and a domain": (
        "create type colour as enum ('red'); create domain share as numeric check (value between 0 and 1);",
        "drop domain share; drop type colour;",
    ),
    "a block that says something": ("do $$ begin raise notice 'hello'; end $$;", "select 1;"),
    "a temporary table": (
        "create temporary table t as select 1 as a; alter table t add b int not null default 1; drop table t;",
        "select 1;",
    ),
    "a setting of a table": ("alter table orders set (fillfactor = 90);", "alter table orders reset (fillfactor);"),
    "a rename of a constraint": (
        "alter table orders rename constraint orders_total_check to total_not_negative;",
        "alter table orders rename constraint total_not_negative to orders_total_check;",
    ),
    "NOT NULL where a CHECK says it": (
        "alter table proven alter column a set not null;",
        "alter table proven alter column a drop not null;",
    ),
    "a function that no trigger calls": (
        "drop function unused();",
        "create function unused() returns trigger language plpgsql as 'begin return new; end';",
    ),
    "nothing": ("select 1;", "select 1;"),
}  # fmt: skip


def migration(version: str, up: str, down: str | None) -> Migration:
    back = None if down is None else Source(f"sql/{version}_case.down.sql", down)
    return Migration(version, "case", Source(f"sql/{version}_case.up.sql", up), back)


def told(server: databases.Shadow, *new: Migration) -> list[tuple[str, str]]:
    subjects = Subjects("main", (migration("001", SETUP, None),), new)
    result = pipeline.review_on(server, subjects, pipeline.Settings(Path(), limit=5.0))
    return [(finding.rule.name, finding.message) for each in result.migrations for finding in each.findings]


@pytest.mark.sampled(2)
@pytest.mark.parametrize("name", SAFE)
def test_a_safe_migration_has_no_finding(name: str, server: databases.Shadow) -> None:
    """There is nothing to do, so nothing is said."""
    up, down = SAFE[name]
    up = up if down else f"-- sqlmigrate: irreversible (a test)\n{up}"

    assert told(server, migration("002", up, down)) == []


def test_what_another_new_file_has_made_is_nobodys(server: databases.Shadow) -> None:
    """A table of an earlier new migration is not in use yet: a later one may lock, rewrite, empty and drop it."""
    files = [
        ("create table t (id int, a int);\ninsert into t select i, i from generate_series(1, 200) i;", "drop table t;"),
        ("create index t_a on t (a);", "drop index t_a;"),
        ("alter table t alter column a type bigint;", "alter table t alter column a type int;"),
        ("alter table t rename column a to b;", "alter table t rename column b to a;"),
        ("alter table t alter column b set not null;", "alter table t alter column b drop not null;"),
        ("alter table t drop column b;", None),
        ("truncate t;", None),
        ("drop table t;", None),
    ]
    new = [
        migration(f"{number:03}", up if down else f"-- sqlmigrate: irreversible (a test)\n{up}", down)
        for number, (up, down) in enumerate(files, 2)
    ]

    assert told(server, *new) == []
