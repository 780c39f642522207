"""A finding stands at the statement that did it, whatever the other statements say."""

from __future__ import annotations

from pathlib import Path

import pytest

from sqlmigrate.files.migration import Migration
from sqlmigrate.review import pipeline
from sqlmigrate.review.new.subjects import Subjects
from sqlmigrate.shadow import databases
from sqlmigrate.source import Source

SETUP = """\
create table a (id bigint primary key, at timestamptz, n int default 1 not null);
create table b (id bigint primary key, at timestamptz);
create table c (id bigint primary key, at timestamptz);
create table "Odd t" (id bigint primary key, "At" timestamptz);
create schema shop;
create table shop.a (id bigint primary key, at timestamptz);
create table parts (id bigint, at date not null) partition by range (at);
create table parts_1 partition of parts for values from ('2026-01-01') to ('2026-02-01');
create type weather as enum ('rain');
create table w (id bigint primary key, weather weather);
create type mood as enum ('good', 'bad');
create function f(int) returns int language sql as 'select 1';
create function g(int) returns int language sql as 'select 1';
create view v as select id, at from b;
create policy mine on a using (true);
create sequence late;
alter table a enable row level security;
insert into a select i, now() from generate_series(1, 100) i;
insert into b select i, now() from generate_series(1, 100) i;
"""

# The lines of a file, and the rules with the line that each stands at. Other rules may be found as well.
PLACES = {
    "one column name in several tables": (
        [
            "alter table a rename column at to published;",
            "alter table b rename column at to published;",
            "alter table c drop column at;",
            "comment on table a is 'a has published, b has published, c has no at';",
            "create view ww as select published from a union select published from b; -- at of c",
        ],
        [("rename-column", 1), ("rename-column", 2), ("drop-column", 3)],
    ),
    "one table name in several schemas": (
        [
            "alter table shop.a drop column at;",
            "alter table a add column later int;",
            "alter table a rename column n to number;",
            "insert into shop.a (id) values (1);",
        ],
        [("drop-column", 1), ("rename-column", 3)],
    ),
    "quoted names": (
        [
            'alter table "Odd t" rename column "At" to "When";',
            'comment on column "Odd t"."When" is \'"At", later "When"\';',
            'drop table "Odd t";',
            "select 'Odd t';",
        ],
        [("drop-table", 3)],
    ),
    "in a block": (
        [
            "create table log (at timestamptz);",
            "do $$ begin execute 'alter table ' || 'c' || ' drop column a' || 't'; end $$;",
            "insert into log values (now());",
            "comment on table c is 'at';",
        ],
        [("drop-column", 2)],
    ),
    "in a function": (
        [
            "create function tidy() returns void language plpgsql as 'begin drop table c; end';",
            "select 'drop table c', tidy();",
            "drop function tidy();",
            "comment on schema public is 'c';",
        ],
        [("drop-table", 2)],
    ),
    "one object, changed twice": (
        [
            "alter table a alter column n type bigint;",
            "alter table a alter column n drop default;",
            "alter table a alter column n set statistics 10;",
            "comment on column a.n is 'n';",
        ],
        [("type-change-rewrite", 1), ("column-default-removed", 2)],
    ),
    "row level security and its policies": (
        [
            "drop policy mine on a;",
            "alter table a disable row level security;",
            "alter table a add column z int;",
            "comment on table a is 'a without mine';",
        ],
        [("policy-removed", 1), ("rls-disabled", 2)],
    ),
    "a dropped function, and its namesake": (
        [
            "drop function f(int);",
            "create function f(text) returns int language sql as 'select 1';",
            "comment on function f(text) is 'f of text';",
        ],
        [("drop-function", 1)],
    ),
    "a label": (
        [
            "alter type mood rename value 'bad' to 'sad';",
            "alter type mood add value 'bored';",
            "comment on type mood is 'good, sad, bad';",
        ],
        [("rename-enum-value", 1)],
    ),
    "rights of a view that is created again": (
        [
            "grant select on v to public;",
            "drop view v;",
            "create view v as select id, at from b;",
            "comment on view v is 'v';",
            "create view ww as select * from v;",
        ],
        [],
    ),
    "rows that are deleted": (
        [
            "delete from b where id < 90;",
            "create index on b (at);",
            "create table keep as select * from b;",
        ],
        [("rows-lost", 1)],
    ),
    "a foreign key without an index": (
        [
            "create table child (id bigint primary key, a_id bigint references a (id));",
            "create view children as select * from child;",
            "comment on table child is 'a_id, child';",
        ],
        [("fk-without-index", 1)],
    ),
    "a foreign key that is added later": (
        [
            "create table child (id bigint primary key, a_id bigint);",
            "alter table child add foreign key (a_id) references a (id);",
            "insert into child values (1, null);",
        ],
        [("fk-without-index", 2)],
    ),
    "what CASCADE drops": (
        [
            "alter table a add column later int;",
            "drop table b cascade;",
            "create table b (id bigint, c_id bigint references c (id) on delete cascade);",
            "comment on table b is 'drop view v cascade';",
        ],
        [("cascade-drops-dependents", 2), ("rows-lost", 2), ("drop-column", 3), ("fk-without-index", 3)],
    ),
    "what CASCADE drops with a type of the same name": (
        [
            "alter table c add column more int;",
            "drop type weather cascade;",
            "comment on table w is 'weather of w';",
        ],
        [("drop-type", 2), ("cascade-drops-dependents", 2)],
    ),
    "a partition": (
        [
            "create table parts_2 partition of parts for values from ('2026-02-01') to ('2026-03-01');",
            "drop table parts_1;",
            "comment on table parts is 'parts_1 is gone';",
        ],
        [("drop-table", 2)],
    ),
    "a table that gets its old name back": (
        [
            "alter table c rename to d;",
            "alter table d rename column at to published;",
            "alter table d rename to c;",
            "comment on table c is 'published';",
        ],
        [("rename-column", 2)],
    ),
    "without a transaction": (
        [
            "-- sqlmigrate: no-transaction",
            "alter table a rename column at to published;",
            "create index concurrently b_at on b (at);",
            "alter table b rename column at to published;",
            "create view ww as select published from a;",
            "do $$ begin alter table c drop column at; commit; end $$;",
            "comment on table a is 'at of a, b, c: published';",
        ],
        [("rename-column", 2), ("rename-column", 4), ("drop-column", 6)],
    ),
    "settings of the file": (
        [
            "set transaction isolation level serializable;",
            "set local search_path = shop, public;",
            "set local statement_timeout = '5s';",
            "alter table a drop column at;",
            "alter table c rename column at to published;",
            "savepoint here; alter table b rename column at to published; rollback to savepoint here;",
            "set local role none; select 'at of b and c', count(*) from pg_class; reset role;",
            "deallocate all;",
            "alter table b drop column at cascade;",
        ],
        [("drop-column", 4), ("rename-column", 5), ("drop-column", 9), ("cascade-drops-dependents", 9)],
    ),
    "prepared statements": (
        [
            "create function go(text) returns void language plpgsql as 'begin execute $1; end';",
            "prepare change (text) as select go($1);",
            "execute change ('alter table c rename column at to published');",
            "execute change ('alter table b add column published int');",
            "drop function go(text);",
        ],
        [("rename-column", 3)],
    ),
    "a column that is dropped and added again": (
        [
            "alter table c drop column at;",
            "alter table c add column at timestamptz;",
            "comment on column c.at is 'at';",
        ],
        [],
    ),
    "a trigger that changes the schema": (
        [
            "create function more() returns trigger language plpgsql as 'begin drop table c; return null; end';",
            "create trigger more after insert on b for each statement execute function more();",
            "insert into b values (1000);",
            "drop trigger more on b; drop function more();",
            "comment on table a is 'c';",
        ],
        [("drop-table", 3)],
    ),
    "another schema": (
        [
            "alter table c set schema shop;",
            "alter table shop.c add column more int;",
            "comment on table shop.c is 'c';",
        ],
        [("set-schema", 1)],
    ),
}


def places(server: databases.Shadow, lines: list[str]) -> list[tuple[str, int]]:
    """The rules of the findings of an up file, with the numbers of the lines that they stand at."""
    setup = Migration("001", "setup", Source("sql/001_setup.up.sql", SETUP))
    new = Migration("002", "new", Source("sql/002_new.up.sql", "\n".join(lines)))
    (result,) = pipeline.review_on(server, Subjects("main", (setup,), (new,)), pipeline.Settings(Path())).migrations
    spans = [(each.rule.name, span) for each in result.findings for span in (each.span, *each.places)]
    return sorted((name, span.line) for name, span in spans if span and name in MINE)


MINE = {name for _, expected in PLACES.values() for name, _ in expected} | {"grants-lost", "statement-fails"}


@pytest.mark.sampled(2)
@pytest.mark.parametrize("name", PLACES)
def test_a_finding_stands_at_the_statement_that_did_it(name: str, server: databases.Shadow) -> None:
    """Neither a string nor a comment, a view or a table of the same name draws it to itself."""
    lines, expected = PLACES[name]
    assert places(server, lines) == sorted(expected)
