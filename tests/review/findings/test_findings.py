"""What findings say, word for word: of what is gone, of what did nothing, of the way back."""

from __future__ import annotations

from pathlib import Path

import pytest

from sqlmigrate.files.migration import Migration
from sqlmigrate.review import pipeline
from sqlmigrate.review.new.subjects import Subjects
from sqlmigrate.shadow import databases
from sqlmigrate.source import Source

SETUP = """\
create schema shop;
create table "Order" (id bigserial primary key, "Total Sum" numeric not null default 1, x int);
create table customers (id bigint primary key, name text, email varchar(10), since timestamptz default now());
create index customers_name on customers (name);
create table shop.t (id int primary key, a int, b text default 'x');
create index t_b on shop.t (b);
create view sums as select "Total Sum" from "Order";
create materialized view ids as select id from customers;
create function f() returns trigger language plpgsql as 'begin perform x from "Order"; return new; end';
create trigger tr before insert on customers for each row execute function f();
create procedure p() language sql as 'select 1';
create sequence free increment 2;
create type pair as (a int, b text);
grant select on sums to reporting;
insert into "Order" (x) select i from generate_series(1, 200) i;
insert into customers (id, name) select i, 'n' || i from generate_series(1, 200) i;
insert into shop.t select i, i from generate_series(1, 200) i;
"""

SKIPPED = {
    "create table if not exists customers (id bigint primary key, name text)": None,
    "create table if not exists customers (id bigint primary key, phone text)": (
        "`customers` already exists without the column `phone`"
    ),
    "create table if not exists customers (id int primary key)": (
        "`customers` already exists with a different column `id`"
    ),
    "create table if not exists customers (id bigint primary key, check (id > 0))": (
        "`customers` already exists without the constraint CHECK ((id > 0))"
    ),
    "create table if not exists ids (id bigint)": "`ids` already exists as a different kind of relation",
    "create index if not exists customers_name on customers (name)": None,
    "create index if not exists customers_name on customers (name, id)": (
        "`customers_name` already exists as a different index"
    ),
    "create index if not exists CUSTOMERS_NAME on customers (name)": None,
    "create index concurrently if not exists customers_name on customers (lower(name))": (
        "`customers_name` already exists as a different index"
    ),
    # Rows do not matter: the shop's table has duplicates.
    "create unique index if not exists t_b on shop.t (b)": "`t_b` already exists as a different index",
    "create index if not exists t_b on shop.t (b)": None,
    "create index if not exists t_b on shop.t ((b::int))": "`t_b` already exists as a different index",
    "do $$ begin create unique index if not exists t_b on shop.t (b); end $$": (
        "`t_b` already exists as a different index"
    ),
    "create table if not exists customers as select b::int as id from shop.t": (
        "`customers` already exists with a different column `id`"
    ),
    "create sequence if not exists free increment 2": None,
    "create sequence if not exists free": "`free` already exists as a different sequence",
    "create materialized view if not exists ids as select id from customers": None,
    "create materialized view if not exists ids as select id from customers where id > 7": (
        "`ids` already exists with a different query"
    ),
    "alter table customers add column if not exists email varchar(10)": None,
    "alter table customers add if not exists email varchar(10), add if not exists name varchar": (
        "`customers.name` already exists as text, not as character varying"
    ),
    "alter table customers add column if not exists email text not null": (
        "`customers.email` already exists as character varying(10), not as text NOT NULL"
    ),
    "create schema if not exists shop": None,
    "drop table if exists nowhere": None,
}

GONE = {
    'drop table "Order" cascade': [
        ("cascade-drops-dependents", "the view `sums` is dropped too, although the file does not name it"),
        ("drop-table", 'the table `"Order"` is dropped: statements that still use it fail'),
        ("function-body-broken", 'the body of `f()` no longer works: relation "Order" does not exist'),
    ],
    "drop schema shop cascade": [
        ("cascade-drops-dependents", "the table `shop.t` is dropped too, although the file does not name it")
    ],
    "do $$ begin execute 'drop table shop.t'; end $$": [
        ("drop-table", "the table `shop.t` is dropped: statements that still use it fail")
    ],
    'alter table "Order" rename "Total Sum" to total': [
        (
            "rename-column",
            'the column `"Order"."Total Sum"` is renamed to `total`: the running application still uses the old name',
        )
    ],
    "alter procedure p() rename to q": [
        ("drop-function", "the procedure `p()` is renamed to `q()`: statements that use the old name fail")
    ],
    "alter function f() rename to g": [],  # a trigger knows it by its OID
    "alter type pair set schema shop": [("set-schema", "the composite type `pair` is moved: it is now `shop.pair`")],
    "drop view sums; create view sums as select 1 as one": [
        ("grants-lost", "`sums` was dropped and created again: `reporting` has lost SELECT")
    ],
    "alter sequence free owner to app": [
        ("owner-changed", "the owner of `free` is now `app`, no longer `sqlmigrate_review`")
    ],
    "alter table customers disable trigger all": [("trigger-disabled", "the trigger `tr` no longer fires")],
}

BACK = {
    "left behind": (
        "create table n (id bigserial primary key, a text);\ncreate index n_a on n (a)",
        "select 1",
        [("down-incomplete", "after up and down table `n` is left behind")],
    ),
    "another type": (
        "alter table shop.t alter column a type bigint using a",
        "select 1",
        [("down-incomplete", "after up and down column `shop.t.a` (type: integer, now bigint) is different")],
    ),
    "a default": (
        "alter table customers alter column name set default 'x'",
        "select 1",
        [("down-incomplete", "after up and down column `customers.name` (default: none, now 'x'::text) is different")],
    ),
    "a constraint under another name": (
        "alter table shop.t drop constraint t_pkey",
        "alter table shop.t add constraint t_pk primary key (id)",
        [
            (
                "down-incomplete",
                "after up and down constraint `shop.t.t_pk` is left behind, constraint `shop.t.t_pkey` is missing",
            )
        ],
    ),
    "rows of before": (
        "update customers set name = 'nobody' where id = 7",
        "select 1",
        [("data-not-restored", "the 200 rows of `customers` are different after up and down")],
    ),
    "new data of a column with a dot in its name": (
        'alter table "Order" add "a.b" text; update "Order" set "a.b" = x::text',
        'alter table "Order" drop "a.b"',
        [("down-loses-new-data", 'values that are written to `"Order"."a.b"` after up are lost by down')],
    ),
    "rows of a table that is swapped back": (
        (
            "alter table customers rename to customers_old; create table customers (like customers_old including all);"
            " insert into customers select * from customers_old"
        ),
        "drop table customers; alter table customers_old rename to customers",
        [
            (
                "down-loses-new-data",
                (
                    "rows that are written to `customers` after up are lost by down:"
                    " it gives the name back to the old table"
                ),
            )
        ],
    ),
    "rows of a table that is swapped back, copied": (
        (
            "alter table customers rename to customers_old; create table customers (like customers_old including all);"
            " insert into customers select * from customers_old"
        ),
        (
            "insert into customers_old select * from customers on conflict (id) do nothing;"
            " drop table customers; alter table customers_old rename to customers"
        ),
        [],
    ),
    "values of a column that is swapped back": (
        (
            "alter table customers rename column name to name_old; alter table customers add column name text;"
            " update customers set name = name_old"
        ),
        "alter table customers drop column name; alter table customers rename column name_old to name",
        [
            (
                "down-loses-new-data",
                (
                    "values that are written to `customers.name` after up are lost by down:"
                    " it gives the name back to the old column"
                ),
            )
        ],
    ),
    "values of a column that is swapped back, copied": (
        (
            "alter table customers rename column name to name_old; alter table customers add column name text;"
            " update customers set name = name_old"
        ),
        (
            "update customers set name_old = name; alter table customers drop column name;"
            " alter table customers rename column name_old to name"
        ),
        [],
    ),
    "a failing down file": (
        "create schema audit; create table audit.log (id int)",
        "drop schema audit",
        [
            (
                "down-fails",
                "cannot drop schema audit because other objects depend on it (table audit.log depends on schema audit)",
            )
        ],
    ),
    "a down file that does not end": (
        "create table n (id int)",
        "do $$ begin loop perform 1; end loop; end $$",
        [("hangs", "the statement was stopped by the review's timeout")],
    ),
}


def migration(version: str, up: str, down: str | None) -> Migration:
    back = None if down is None else Source(f"sql/{version}_case.down.sql", f"{down};\n")
    return Migration(version, "case", Source(f"sql/{version}_case.up.sql", f"{up};\n"), back)


def told(server: databases.Shadow, up: str, down: str | None = None) -> list[tuple[str, str]]:
    """Give the findings of a migration, but for those of locks."""
    up = up if down else f"-- sqlmigrate: irreversible (a test)\n{up}"
    subjects = Subjects("main", (migration("001", SETUP, None),), (migration("002", up, down),))
    (each,) = pipeline.review_on(server, subjects, pipeline.Settings(Path(), limit=1.0)).migrations
    mine = {name for _, _, expected in BACK.values() for name, _ in expected} | {"no-effect"}
    mine |= {name for expected in GONE.values() for name, _ in expected}
    return [(finding.rule.name, finding.message) for finding in each.findings if finding.rule.name in mine]


@pytest.mark.sampled(2)
@pytest.mark.parametrize("statement", SKIPPED)
def test_what_if_not_exists_passes_over(statement: str, server: databases.Shadow) -> None:
    """Where what is there is what is asked for, nothing is said; else what is otherwise."""
    said = SKIPPED[statement]

    assert told(server, statement) == ([("no-effect", f"{said}: the statement does nothing")] if said else [])


@pytest.mark.sampled(2)
@pytest.mark.parametrize("statement", GONE)
def test_what_is_gone_or_has_another_name(statement: str, server: databases.Shadow) -> None:
    """Each object is told once, what goes with it is not, and what the text does not name is told as that."""
    assert told(server, statement) == GONE[statement]


@pytest.mark.sampled(2)
@pytest.mark.parametrize("name", BACK)
def test_what_the_way_back_leaves(name: str, server: databases.Shadow) -> None:
    """The sentence names the objects, and says in what they differ."""
    up, down, expected = BACK[name]

    assert told(server, up, down) == expected


LOCKING = {
    "a partition": (
        """create table e (at int) partition by range (at); create table e_rest partition of e default;
        create table e_1 partition of e for values from (0) to (9);""",
        "drop table e_1",
        ("drop-partition-locks-parent", "dropping `e_1` locks `e` and its partition `e_rest` in ACCESS EXCLUSIVE mode"),
    ),
    "a table that references another": (
        "create table p (id int primary key); create table c (id int references p);",
        "drop table c",
        ("locks-other-table", "`p` is locked in ACCESS EXCLUSIVE mode, but the statement does not name it"),
    ),
}


@pytest.mark.parametrize("name", LOCKING)
def test_which_table_a_drop_locks(name: str, server: databases.Shadow) -> None:
    """Only a partition is called one; a foreign key locks the referenced table."""
    setup, up, expected = LOCKING[name]
    new = migration("002", f"-- sqlmigrate: irreversible (a test)\n{up}", None)
    subjects = Subjects("main", (migration("001", setup, None),), (new,))
    (each,) = pipeline.review_on(server, subjects, pipeline.Settings(Path())).migrations

    told = [(finding.rule.name, finding.message) for finding in each.findings if "locks" in finding.rule.name]
    assert told == [expected]


REINDEXED = {
    "reindex table app.log": ["`app.log_1_at_idx` is rebuilt and cannot be used meanwhile"],
    "reindex index app.log_at": ["`app.log_1_at_idx` is rebuilt and cannot be used meanwhile"],
    "reindex table concurrently app.log": [],
}


@pytest.mark.parametrize("statement", REINDEXED)
def test_what_a_reindex_of_a_partitioned_table_locks(statement: str, server: databases.Shadow) -> None:
    """It runs without a transaction, and may be too short to be seen: its locks are known from the statement."""
    setup = (
        "create schema app; create table app.log (at date) partition by range (at);"
        "create table app.log_1 partition of app.log for values from ('2026-01-01') to ('2027-01-01');"
        "create index log_at on app.log (at);"
    )
    new = migration("002", f"-- sqlmigrate: no-transaction\n-- sqlmigrate: irreversible (a test)\n{statement};", None)
    subjects = Subjects("main", (migration("001", setup, None),), (new,))
    (each,) = pipeline.review_on(server, subjects, pipeline.Settings(Path())).migrations

    assert [found.message for found in each.findings if found.rule.name == "reindex-blocking"] == REINDEXED[statement]
