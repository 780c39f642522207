"""The comments that are read with one schema: those of everything in it, and no others."""

from __future__ import annotations

from sqlmigrate.catalog.read import read_in_one_turn
from sqlmigrate.database.session import connect

_OBJECTS = """\
create schema {schema};
set search_path to {schema};
create type mood as enum ('sad');
create type pair as (a int, b int);
create domain positive as int constraint above check (value > 0);
create sequence numbers;
create table customers (id bigint generated always as identity primary key, name text);
alter table customers add constraint named check (name > '');
create table orders (id bigint constraint of_customer references customers) partition by list (id);
create table orders_1 partition of orders for values in (1);
create index by_name on customers (name);
create statistics together on id, name from customers;
create view names as select name from customers;
create materialized view kept as select name from customers;
create function touch() returns trigger language plpgsql as 'begin return new; end';
create trigger touched before update on customers for each row execute function touch();
create rule unchanged as on delete to customers do instead nothing;
create policy all_rows on customers;
create aggregate total (int) (sfunc = int4pl, stype = int);
create operator === (leftarg = int, rightarg = int, function = int4eq);
create collation plain from "C";
create text search dictionary words (template = simple);
create text search configuration texts (copy = simple);
comment on schema {schema} is 'x';
comment on type mood is 'x';
comment on type pair is 'x';
comment on column pair.a is 'x';
comment on domain positive is 'x';
comment on constraint above on domain positive is 'x';
comment on sequence numbers is 'x';
comment on table customers is 'x';
comment on column customers.name is 'x';
comment on constraint named on customers is 'x';
comment on constraint of_customer on orders is 'x';
comment on constraint customers_pkey on customers is 'x';
comment on index customers_pkey is 'x';
comment on index by_name is 'x';
comment on table orders_1 is 'x';
comment on statistics together is 'x';
comment on view names is 'x';
comment on column names.name is 'x';
comment on materialized view kept is 'x';
comment on function touch() is 'x';
comment on trigger touched on customers is 'x';
comment on rule unchanged on customers is 'x';
comment on policy all_rows on customers is 'x';
comment on aggregate total (int) is 'x';
comment on operator === (int, int) is 'x';
comment on collation plain is 'x';
comment on text search dictionary words is 'x';
comment on text search configuration texts is 'x';
"""


def test_all_comments_of_a_schema_are_read_and_no_others(every_database: str) -> None:
    """Its objects are those that are read with the whole database; there are others with the same names elsewhere."""
    with connect(every_database) as session:
        for schema in ("one", "other"):
            session.conn.execute(_OBJECTS.format(schema=schema).encode())
        session.conn.execute("set search_path to public")
        whole, _ = read_in_one_turn(session, ())
        alone, _ = read_in_one_turn(session, (), "one")

    expected = {
        key: each
        for key, each in whole.objects.items()
        if each.path[:1] == ("one",) and (len(each.path) > 1 or each.kind == "schema")
    }
    commented = {key for key, each in alone.objects.items() if "comment" in each.attributes}
    assert {key: alone.objects.get(key) for key in expected} == expected
    assert commented == {key for key, each in expected.items() if "comment" in each.attributes}
    assert len(commented) >= 24
