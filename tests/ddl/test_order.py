"""The statements of a schema can be executed from top to bottom, and make the same schema."""

from __future__ import annotations

import pytest
from postgres_servers import Server
from schema_round_trip import round_trip

# What needs an order of its own: the statements that make it, and the headings of the written schema in their order.
CASES: dict[str, tuple[str, list[str]]] = {
    "a foreign key to a table further down": (
        (
            "create table a (id int primary key); create table b (id int primary key, a int references a);"
            "alter table a add b int references b"
        ),
        ["table public.a", "table public.b", "table public.a: what needs objects above"],
    ),
    "a view on a view further down": (
        "create table t (a int); create view z as select a from t; create view b as select a from z",
        ["table public.t", "view public.z", "view public.b"],
    ),
    "a function in a default comes before its table": (
        "create function f() returns int language plpgsql as 'begin return 1; end';create table t (a int default f())",
        ["function public.f()", "table public.t"],
    ),
    "an SQL function comes after the table that its text names": (
        "create table t (a int); create function f() returns bigint language sql as 'select count(*) from t'",
        ["table public.t", "function public.f()"],
    ),
    "a policy with a function that reads the table": (
        (
            "create table members (id int); create function is_member(int) returns boolean language sql as "
            "'select exists (select from members m where m.id = $1)';"
            "create policy p on members using (is_member(id)); alter table members enable row level security"
        ),
        [
            "table public.members",
            "function public.is_member(integer)",
            "table public.members: what needs objects above",
        ],
    ),
    "a check with a function of the row": (
        (
            "create table t (a int); create function ok(t) returns boolean language sql immutable as 'select $1.a > 0';"
            "alter table t add constraint c check (ok(t.*)); comment on constraint c on t is 'why'"
        ),
        ["table public.t", "function public.ok(public.t)", "table public.t: what needs objects above"],
    ),
    "two functions that need each other": (
        (
            "set check_function_bodies = off;"
            "create function a(int) returns int language sql as 'select case when $1 > 0 then b($1 - 1) else 0 end';"
            "create function b(int) returns int language sql as 'select case when $1 > 0 then a($1 - 1) else 0 end'"
        ),
        ["function public.a(integer)", "function public.b(integer)"],
    ),
    "an SQL function that no longer works": (
        (
            "create table t (a int, b int); create function f() returns int language sql as 'select b from t';"
            "alter table t drop b"
        ),
        ["function public.f()", "table public.t"],
    ),
    "PL/pgSQL with the type of a table": (
        (
            "create table t (a int); create function f() returns int language plpgsql as "
            "'declare x t%rowtype; begin return 1; end'"
        ),
        ["table public.t", "function public.f()"],
    ),
    "a sequence that two tables share": (
        "create table z (id serial); create table a (id int default nextval('z_id_seq'))",
        ["table public.z", "table public.a"],
    ),
    "another schema": (
        (
            "create schema b; create type b.mood as enum ('x'); create table public.t (m b.mood);"
            "create table b.t (like public.t)"
        ),
        ["schema b", "enum b.mood", "table b.t", "table public.t"],
    ),
    "a trigger function of another schema comes before the table": (
        (
            "create schema a; create table a.t (a int); create function public.f() returns trigger language plpgsql"
            " as 'begin return new; end';"
            "create trigger x before insert on a.t for each row execute function public.f()"
        ),
        ["schema a", "function public.f()", "table a.t"],
    ),
    "default privileges of the role that executes everything": (
        (
            "create schema a; alter default privileges in schema a grant select on tables to public;"
            "alter default privileges revoke execute on functions from public"
        ),
        ["schema a", "default privileges functions", "default privileges tables in a"],
    ),
    "functions of one name": (
        (
            "create function f(text) returns int language sql as 'select 1';"
            "create function f(int) returns int language sql as 'select 1'"
        ),
        ["function public.f(integer)", "function public.f(text)"],
    ),
    "a trigger on a view": (
        (
            "create table t (a int); create view v as select a from t; create function f() returns trigger"
            " language plpgsql as 'begin return new; end'; "
            "create trigger i instead of insert on v for each row execute function f()"
        ),
        ["function public.f()", "table public.t", "view public.v"],
    ),
}


@pytest.mark.parametrize(("sql", "order"), CASES.values(), ids=CASES)
def test_the_order_can_be_executed(sql: str, order: list[str], postgres: Server) -> None:
    """Sorted, and an object earlier or later only where it has to be."""
    found = round_trip(postgres, sql)

    assert found.order == order
    assert found.differences == ()
    assert found.again == found.text


TABLES: dict[str, str] = {
    "identity and serial": "create table t (a int generated by default as identity (start 5 increment 2), b bigserial,"
    " c smallserial, d serial, e int default nextval('t_b_seq'))",
    "a renamed sequence": "create table t (a serial, b int generated always as identity);"
    "alter sequence t_a_seq rename to other; alter sequence t_b_seq rename to another",
    "a serial column that may be null": "create table t (a serial); alter table t alter a drop not null",
    "a name of 63 bytes": f"create table {'t' * 63} ({'ä' * 31} serial, b int generated always as identity)",
    "columns of every sort": 'create table t (a text collate "C" not null, b text compression pglz, c text, d int'
    " generated always as (1 + 1) stored, e varchar(5)[] default '{}', \"F g\" numeric(5, 2));"
    "alter table t alter c set storage external, alter c set statistics 50, alter c set (n_distinct = -0.5)",
    "options": "create unlogged table t (a text) with (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.2,"
    " toast.autovacuum_enabled = off)",
    "constraints of every sort": "create table t (a int primary key, b int, c int4range, constraint u unique (b, a)"
    " deferrable initially deferred, exclude using gist (c with &&), check (a > 0) no inherit,"
    " constraint fk foreign key (b) references t on delete set null); alter table t add check (b > 1) not valid",
    "keys of the same columns": "create table t (a int, b int, primary key (a, b)); alter table t add unique (a, b);"
    "alter table t add constraint again unique (a, b); alter table t add unique (b, a)",
    "replica identity and clustering": "create table t (a int not null); create unique index i on t (a);"
    "alter table t replica identity using index i; alter table t cluster on i",
    "row level security": "create table t (a int); create policy p on t as restrictive for update to public"
    " using (a > 0) with check (a > 1); alter table t enable row level security, force row level security",
    "disabled triggers and rules": "create table t (a int); create function f() returns trigger language plpgsql as"
    " 'begin return new; end'; create trigger x before insert on t for each row execute function f();"
    "create rule r as on delete to t do instead nothing; alter table t disable trigger x, disable rule r",
    "statistics": "create table t (a int, b int); create statistics s (ndistinct) on a, b from t;"
    "alter statistics s set statistics 30; create index i on t ((a + b)); alter index i alter 1 set statistics 40",
    "inheritance": "create table p (a int not null default 1, check (a > 0)); create table c (b int) inherits (p);"
    "alter table c alter a set default 2",
    "partitions": "create table p (a int not null, b text default 'x', primary key (a)) partition by range (a);"
    "create index on p (b); create table p1 partition of p for values from (0) to (10);"
    "create table p2 (b text, a int not null); alter table p attach partition p2 for values from (10) to (20);"
    "create table p3 partition of p for values from (20) to (30) partition by list (a);"
    "create table p31 partition of p3 default; alter table p1 alter b set default 'y';"
    "alter index p1_b_idx rename to renamed; create index on p2 (a, b)",
    "partitions with foreign keys": "create table t (id int primary key) partition by range (id);"
    "create table t1 partition of t for values from (0) to (10); create table t2 partition of t default;"
    "create table r (id int, t int references t) partition by list (id); create table r1 partition of r default;"
    "create table t3 partition of t for values from (10) to (20); create table s (t int references t)",
    "an invalid index and a constraint that is not valid, over partitions": (
        "create table p (a int, b text) partition by list (a); create table p1 partition of p default;"
        "create index i on only p (b); alter table p add constraint c check (a > 0) not valid;"
        "comment on index i is 'later'"
    ),
    "an index that some partitions lack, with those that are attached": (
        "create table p (a int, b text, c int) partition by list (a); create table p1 partition of p for values in (1);"
        "create table p2 partition of p for values in (2, 3) partition by list (a);"
        "create table a21 partition of p2 for values in (2); create table a22 partition of p2 for values in (3);"
        "create index i on only p (b); create index i1 on p1 (b); alter index i attach partition i1;"
        "create index i2 on only p2 (b); create index i21 on a21 (b); alter index i2 attach partition i21;"
        "alter index i attach partition i2; create index on p (c); create index whole on only p (b, c);"
        "create index w1 on p1 (b, c); alter index whole attach partition w1;"
        "create index w2 on p2 (b, c); alter index whole attach partition w2"
    ),
    "partitions with an identity column": (
        "create table p (id bigint generated always as identity, a int) partition by list (a);"
        "create index on p (lower(a::text)); create table p1 partition of p default"
    ),
    "a partitioned table with an index on an expression": "create table p (a int, b text) partition by list (a);"
    "create index on p (lower(b)); create table p1 partition of p default",
    "triggers of partitions": "create table p (a int) partition by list (a); create table p1 partition of p default;"
    "create function f() returns trigger language plpgsql as 'begin return new; end';"
    "create trigger x after insert on p for each row execute function f(); alter table p1 disable trigger x",
    "a typed table": "create type ty as (a int, b text); create table t of ty (a with options not null default 3)",
    "views": "create table t (a int, b text); create view v with (security_barrier) as select * from t where a > 1"
    " with local check option; alter view v alter a set default 3; create materialized view m as select a from t"
    " with no data; create unique index on m (a)",
    "types": "create type e as enum ('it''s', 'a, b', ''); create type c as (a int, b text collate \"C\");"
    "create domain d as int not null default 3 check (value > 0); alter domain d add constraint later check"
    " (value < 9) not valid; create type none as enum (); create type empty as ()",
    "names that need quotes": 'create schema "My Schema"; create table "My Schema"."T ""x""" ("select" serial primary'
    ' key, "a.b" int); create function "My Schema"."F"() returns int language sql as \'select 1\'',
    "rights": "revoke all on schema public from public; create table t (a int, b int); create function f() returns int"
    " language sql as 'select 1'; revoke all on function f() from public; grant select on t to public;"
    "grant update (b) on t to public",
    "no schema public": "drop schema public; create schema app",
    "comments": "create table t (a int primary key); comment on table t is 'it''s'; comment on column t.a is"
    " E'two\\nlines';"
    "comment on constraint t_pkey on t is 'key'; comment on index t_pkey is 'index'; comment on schema public is null",
}


@pytest.mark.parametrize("server", ["postgres", "postgres16", "installed_postgres"])
@pytest.mark.parametrize("sql", TABLES.values(), ids=TABLES)
def test_a_schema_makes_itself_again(sql: str, server: str, request: pytest.FixtureRequest) -> None:
    """What is written of a schema makes the same schema, and that is written in the same bytes."""
    found = round_trip(request.getfixturevalue(server), sql)

    assert found.differences == ()
    assert found.again == found.text
