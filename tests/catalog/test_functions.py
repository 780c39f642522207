"""Bodies in PL/pgSQL: broken is what PostgreSQL cannot plan any more, whatever words the body has."""

from __future__ import annotations

import pytest

from sqlmigrate.catalog import functions, read
from sqlmigrate.database.session import Session

pytestmark = pytest.mark.sampled(3)

BASE = """\
create table session (id bigint primary key, host_id bigint, name text, kind text);
create table fact (session_id bigint primary key, host_id bigint, note text);
create schema shop;
create table shop.fact (id bigint, host_id bigint);
create type mood as enum ('good', 'bad');
create function twice(n int) returns int language sql as 'select n * 2';
create function apply(n int) returns int language sql as 'select n';
create procedure tidy() language sql as 'select 1';
"""
DROP = "alter table fact drop column host_id"
NO_COLUMN = 'column "host_id" does not exist'
NO_FIELD = 'record "new" has no field "host_id"'


def body(text: str, head: str = "f() returns void", declare: str = "") -> str:
    """A function in PL/pgSQL."""
    return f"create function {head} language plpgsql as $body$ {declare} begin {text} end $body$;"


def trigger(text: str, table: str, declare: str = "") -> str:
    """A function that a trigger of a table calls."""
    made = body(f"{text} return null;", "f() returns trigger", declare)
    return f"{made} create trigger t after insert on {table} for each row execute function f();"


PROCEDURE = """\
create procedure f(a bigint, inout b text) language plpgsql as
    'begin delete from fact where session_id = $1 and host_id = f.a; end'"""
# The function, what changes, and why it no longer works; None if it works as before.
BROKEN = {
    "a query": (body("perform host_id from fact;"), DROP, NO_COLUMN),
    "a query with an alias": (body("perform x.host_id from fact x;"), DROP, "column x.host_id does not exist"),
    "an INSERT": (
        body("insert into fact (session_id, host_id) values (1, 2);"),
        DROP,
        'column "host_id" of relation "fact" does not exist',
    ),
    "an INSERT without columns": (
        body("insert into fact values (1, 2, 'x');"),
        DROP,
        "INSERT has more expressions than target columns",
    ),
    "an UPDATE in a loop": (
        body("for i in 1..3 loop update fact set host_id = i where session_id = i; end loop;"),
        DROP,
        'column "host_id" of relation "fact" does not exist',
    ),
    "a condition": (body("if exists (select from fact where host_id = 1) then return; end if;"), DROP, NO_COLUMN),
    "a branch that is never taken": (body("if false then perform host_id from fact; end if;"), DROP, NO_COLUMN),
    "a case": (body("case (select count(host_id) from fact) when 1 then null; else null; end case;"), DROP, NO_COLUMN),
    "a handler": (body("null; exception when others then delete from fact where host_id = 3;"), DROP, NO_COLUMN),
    "a nested block": (
        body("<<inner>> declare y bigint; begin select host_id into strict y from fact; end;"),
        DROP,
        NO_COLUMN,
    ),
    "a default of a variable": (
        body("null;", declare="declare y bigint := (select max(host_id) from fact);"),
        DROP,
        NO_COLUMN,
    ),
    "a field of a row": (
        body("select * into y from fact; raise notice '%', y.host_id;", declare="declare y fact%rowtype;"),
        DROP,
        'record "y" has no field "host_id"',
    ),
    "a field of a record": (
        body("for y in select * from fact loop raise notice '%', y.host_id; end loop;", declare="declare y record;"),
        DROP,
        'record "y" has no field "host_id"',
    ),
    "a query in brackets": (
        body("for y in (select * from fact) loop raise notice '%', y.host_id; end loop;", declare="declare y record;"),
        DROP,
        'record "y" has no field "host_id"',
    ),
    "a parameter that is called as in a trigger": (
        body("if tg_op = 'x' then perform host_id from fact; end if;", "f(tg_op text, new record) returns void"),
        DROP,
        NO_COLUMN,
    ),
    "a cursor": (body("open c;", declare="declare c cursor for select host_id from fact;"), DROP, NO_COLUMN),
    "a query that is returned": (
        body("return query select host_id from fact;", "f() returns setof bigint"),
        DROP,
        NO_COLUMN,
    ),
    "all columns, as a table": (
        body("return query select * from fact;", "f() returns table (a bigint, b bigint, c text)"),
        DROP,
        "each UNION query must have the same number of columns",
    ),
    "a new column, as a table": (
        body("return query select * from fact;", "f() returns table (a bigint, b bigint, c text)"),
        "alter table fact add column more int",
        "each UNION query must have the same number of columns",
    ),
    "a parameter of the same name": (
        body("perform 1 from fact where fact.session_id = owner;", "f(owner bigint) returns void"),
        "alter table fact add column owner bigint",
        'column reference "owner" is ambiguous',
    ),
    "another type": (
        body("perform 1 from fact where note = 'x' || 1 and note < session_id::text;"),
        "alter table fact alter column note type bigint using 1",
        "operator does not exist: bigint = text",
    ),
    "a column of new": (trigger("perform new.host_id;", "fact"), DROP, NO_FIELD),
    "a column of new that is set": (trigger("new.host_id := 1;", "fact"), DROP, NO_FIELD),
    "a trigger of a partition's parent": (
        "create table part (id int, host_id int) partition by range (id);"
        "create table part_1 partition of part for values from (1) to (5);" + trigger("perform new.host_id;", "part"),
        "alter table part drop column host_id",
        NO_FIELD,
    ),
    "a table of a trigger of statements": (
        body("perform host_id from added; return null;", "f() returns trigger")
        + "create trigger t after insert on fact referencing new table as added execute function f();",
        DROP,
        NO_COLUMN,
    ),
    "a table": (body("perform 1 from fact;"), "drop table fact", 'relation "fact" does not exist'),
    "a renamed table": (
        body("perform 1 from fact;"),
        "alter table fact rename to facts",
        'relation "fact" does not exist',
    ),
    "a table in a schema": (
        body("perform 1 from shop.fact;"),
        "drop table shop.fact",
        'relation "shop.fact" does not exist',
    ),
    "a function": (body("perform twice(1);"), "drop function twice(int)", "function twice(integer) does not exist"),
    "another signature": (
        body("perform twice(1);"),
        "drop function twice(int); create function twice(n int, m text) returns int language sql as 'select n'",
        "function twice(integer) does not exist",
    ),
    "a label": (
        body("if y = 'bad' then null; end if;", declare="declare y mood;"),
        "alter type mood rename value 'bad' to 'sad'",
        'invalid input value for enum mood: "bad"',
    ),
    "a type": (body("null;", declare="declare y mood;"), "drop type mood", 'type "mood" does not exist'),
    "a search_path of its own": (
        body("perform host_id from fact;", "f() returns void set search_path = shop"),
        "alter table shop.fact drop column host_id",
        NO_COLUMN,
    ),
    "a procedure with parameters": (
        PROCEDURE,
        DROP,
        NO_COLUMN,
    ),
    "a body that the same file creates": ("select 1;", f"{DROP}; {body('perform host_id from fact;')}", NO_COLUMN),
    # What still works.
    "new of another table": (
        trigger("insert into fact (session_id, note) values (new.id, new.host_id);", "session"),
        DROP,
        None,
    ),
    "a column of another table": (
        body("perform s.host_id from session s join fact x on x.session_id = s.id;"),
        DROP,
        None,
    ),
    "a table of that name in another schema": (body("perform host_id from shop.fact;"), DROP, None),
    "a field of a row of another table": (body("v.host_id := 1;", declare="declare v session%rowtype;"), DROP, None),
    "a string": (body("raise notice 'host_id of fact is gone';"), DROP, None),
    "a comment": (body("-- host_id of fact\nperform 1 from fact;"), DROP, None),
    "an alias": (body("perform session_id as host_id from fact;"), DROP, None),
    "a CTE": (
        body("with fact as (select 1 as host_id) select host_id into y from fact;", declare="declare y int;"),
        DROP,
        None,
    ),
    "a temporary table": (
        body("create temp table work (host_id int); insert into work select 1 from fact; perform host_id from work;"),
        DROP,
        None,
    ),
    "a body that the same file replaces": (
        body("perform host_id from fact;"),
        DROP + ";" + body("perform note from fact; -- host_id\n").replace("create", "create or replace", 1),
        None,
    ),
    "a dropped trigger": (trigger("perform new.host_id;", "fact"), f"drop trigger t on fact; {DROP}", None),
    "a new column": (body("perform host_id from fact;"), "alter table fact add column more int", None),
    "a column of * that is not told": (body("return query select * from fact;", "f() returns setof fact"), DROP, None),
    "a JSON key": (body("perform '{\"host_id\": 1}'::jsonb -> 'host_id' from fact;"), DROP, None),
    "broken before": (body("perform host_id, nowhere.x from nowhere, fact;"), "drop table shop.fact", None),
}

# What cannot be planned, but says the name.
MAYBE = {
    "dynamic SQL": (
        body("execute 'update fact set host_id = 1';"),
        DROP,
        "it says `host_id`, and `fact.host_id` no longer exists",
    ),
    "a command": (body("truncate fact;"), "drop table fact", "it says `fact`, and `fact` no longer exists"),
    "a call": (body("call tidy();"), "drop procedure tidy", "it says `tidy`, and `tidy()` no longer exists"),
}
NOT_EVEN_MAYBE = {
    "dynamic SQL about another table": (body("execute 'update session set host_id = 1';"), DROP),
    "dynamic SQL of the same file": (
        body("execute 'update fact set host_id = 1';"),
        DROP + ";" + body("execute 'select host_id from session, fact';").replace("create", "create or replace", 1),
    ),
}


def found(url: str, base: str, sql: str) -> list[tuple[bool, str]]:
    """Why functions no longer work after a change, and whether that is certain."""
    session = Session(url)
    session.conn.execute(f"{BASE};{base}")
    before = read.read(session)
    session.conn.execute(sql)
    broken = functions.broken_bodies(session, before, read.read(session))
    session.close()
    return [(each.is_certain, each.reason) for each in broken]


@pytest.mark.parametrize("name", BROKEN)
def test_a_body_is_broken_if_postgresql_cannot_plan_it(name: str, every_database: str) -> None:
    """Each query and each expression counts, with the variables that it sees, and nothing else."""
    base, sql, reason = BROKEN[name]
    assert found(every_database, base, sql) == ([] if reason is None else [(True, reason)])


@pytest.mark.parametrize("name", [*MAYBE, *NOT_EVEN_MAYBE])
def test_what_cannot_be_planned_may_be_broken(name: str, every_database: str) -> None:
    """Of dynamic SQL and of commands the words are looked at, unless the file itself has written them."""
    base, sql, *reason = MAYBE.get(name) or NOT_EVEN_MAYBE[name]
    assert found(every_database, base, sql) == [(False, each) for each in reason]


def test_a_type_that_a_column_gave_is_missing(every_database: str) -> None:
    """The declarations of a body count as well; the message depends on the version."""
    declared = body("null;", declare="declare y fact.host_id%type;")
    assert [is_certain for is_certain, _ in found(every_database, declared, DROP)] == [True]
