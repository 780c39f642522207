-- One of everything: what the statements of mutations.py change.
create schema app;
create schema other;
create type app.state as enum ('new', 'paid', 'sent');
create domain app.amount as numeric(12, 2) default 0 constraint sane check (value >= 0);
create type app.place as (street text, city text);
create type app.pair as (a int, b int);
create type app.span as range (subtype = float8);
create sequence app.numbers;
create table app.customers (
    id bigint generated always as identity primary key,
    name text not null,
    email text
);
create table app.orders (
    id bigint primary key,
    customer bigint constraint orders_customer references app.customers,
    total numeric(12, 2) default 0,
    note text,
    state app.state,
    doubled numeric generated always as (total * 2) stored,
    constraint positive check (total >= 0)
);
alter table app.orders add constraint later check (total < 1000) not valid;
create unique index customers_email on app.customers (email);
create index orders_note on app.orders (note);
create index orders_lower on app.orders (lower(note));
create table app.logs (id int, at date not null) partition by range (at);
create table app.logs_1 partition of app.logs for values from ('2026-01-01') to ('2026-02-01');
create table app.logs_2 (id int, at date not null);
create index logs_at on app.logs (at);
create table app.parent (a int);
create table app.child (b int) inherits (app.parent);
create table app.orphan (a int, b int);
create table app."Odd.Name" ("a.b" int, "Say ""so""" int);
create view app.cheap as select id, total from app.orders where total < 10;
create materialized view app.sums as select customer, sum(total) as total from app.orders group by customer;
create function app.twice(n int) returns int language sql immutable as 'select n * 2';
create function app.touch() returns trigger language plpgsql as 'begin return new; end';
create function app.watch() returns event_trigger language plpgsql as 'begin end';
create function app.next(s app.state) returns app.state language sql as 'select s';
create procedure app.clean() language sql as 'delete from app.logs';
create aggregate app.total(int) (sfunc = int4pl, stype = int, initcond = '0');
create trigger touch before update on app.orders for each row execute function app.touch();
create trigger touch_logs after insert on app.logs for each row execute function app.touch();
create rule quiet as on insert to app.parent do instead nothing;
create policy mine on app.orders for select using (customer = 1);
create statistics app.together on customer, total from app.orders;
create publication news for table app.orders;
alter default privileges for role catalog_owner in schema app grant select on tables to catalog_reader;
create event trigger watching on sql_drop execute function app.watch();
create foreign data wrapper nothing;
create server far foreign data wrapper nothing options (host 'far.example.com', password 'Planted-1');
create user mapping for public server far options (user 'us', password 'Planted-2');
create foreign table app.remote (a int) server far options (table_name 'remote');
create collation app.plain (locale = 'C');
create text search configuration app.words (copy = simple);
create text search dictionary app.shorts (template = simple, stopwords = 'english');
create cast (app.place as text) with inout;
create operator app.=== (function = int4eq, leftarg = int, rightarg = int);
create operator class app.ints for type int4 using btree as operator 1 <, operator 3 =, function 1 btint4cmp(int4, int4);
create conversion app.latin for 'LATIN1' to 'UTF8' from iso8859_1_to_utf8;
comment on table app.customers is 'who buys';
insert into app.customers (name) select 'name ' || n from generate_series(1, 10) n;
insert into app.orders (id, customer, total) select n, n, n from generate_series(1, 10) n;
