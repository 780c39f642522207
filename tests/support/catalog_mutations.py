"""Statements that change one thing each in the database of `catalogs/base.sql`, and what is to be said of each.

What is said: the change, the kind and the name, and of what is different which attributes are.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Mutation:
    """A statement, and the differences it makes; `since` is the oldest PostgreSQL that knows it."""

    sql: str
    said: tuple[str, ...]
    since: int = 13

    @property
    def name(self) -> str:
        return " ".join(self.sql.split())[:60]


def _all(*mutations: tuple[str, ...]) -> tuple[Mutation, ...]:
    return tuple(Mutation(sql, tuple(sorted(said))) for sql, *said in mutations)


def _since(version: int, *mutations: tuple[str, ...]) -> tuple[Mutation, ...]:
    return tuple(Mutation(sql, tuple(sorted(said)), version) for sql, *said in mutations)


_IN_DATABASE = "execute format('{}', current_database());"

_SCHEMAS = _all(
    ("create schema fresh", "left over schema fresh"),
    ("drop schema other", "missing schema other"),
    ("grant usage on schema app to catalog_reader", "different schema app: acl"),
    ("alter schema other owner to catalog_owner", "different schema other: owner"),
    ("comment on schema app is 'ours'", "different schema app: comment"),
    ("revoke all on schema app from postgres", "different schema app: acl"),
)
_TABLES = _all(
    ("create table app.fresh (a int)", "left over table app.fresh"),
    ("drop table app.orphan", "missing table app.orphan"),
    ("alter table app.orphan rename to found", "left over table app.found", "missing table app.orphan"),
    ("alter table app.orphan set unlogged", "different table app.orphan: persistence"),
    ("alter table app.orphan owner to catalog_owner", "different table app.orphan: owner"),
    ("grant select on app.orphan to catalog_reader", "different table app.orphan: acl"),
    ("grant select (note) on app.orders to catalog_reader", "different column app.orders.note: acl"),
    ("revoke insert on app.orphan from postgres", "different table app.orphan: acl"),
    ("comment on table app.customers is null", "different table app.customers: comment"),
    ("comment on column app.customers.name is 'full'", "different column app.customers.name: comment"),
    ("alter table app.orders set (fillfactor = 70)", "different table app.orders: options"),
    ("alter table app.orders set (toast.autovacuum_enabled = off)", "different table app.orders: toast options"),
    ("alter table app.orders enable row level security", "different table app.orders: rls"),
    ("alter table app.orders force row level security", "different table app.orders: rls forced"),
    ("alter table app.orders replica identity full", "different table app.orders: replica identity"),
    ("alter table app.orders replica identity using index orders_pkey",
     "different index app.orders_pkey: replica identity", "different table app.orders: replica identity"),
    ("alter table app.orders cluster on orders_pkey", "different index app.orders_pkey: clustered"),
    ("alter table app.orders disable trigger all", "different table app.orders: internal triggers",
     "different trigger app.orders.touch: enabled"),
    ("alter table app.logs attach partition app.logs_2 for values from ('2026-02-01') to ('2026-03-01')",
     "different table app.logs_2: parents, partition bound", "left over index app.logs_2_at_idx"),
    ("alter table app.logs detach partition app.logs_1", "different index app.logs_1_at_idx: parent",
     "different table app.logs_1: parents, partition bound"),
    ("create table app.rest partition of app.logs default", "left over table app.rest"),
    ("alter table app.orphan inherit app.parent", "different table app.orphan: parents"),
    ("alter table app.child no inherit app.parent", "different column app.child.a: inherited",
     "different table app.child: parents"),
    ("alter table app.orphan of app.pair", "different table app.orphan: of type"),
    ("create foreign table app.further (a int) server far", "left over foreign table app.further"),
    ("alter foreign table app.remote options (set table_name 'other')",
     "different foreign table app.remote: foreign options"),
)  # fmt: skip
_COLUMNS = _all(
    ("alter table app.orders add fresh int", "left over column app.orders.fresh"),
    ("alter table app.orphan drop b", "missing column app.orphan.b"),
    ("alter table app.orphan drop a", "missing column app.orphan.a"),
    ("alter table app.orphan drop a, add c int", "left over column app.orphan.c", "missing column app.orphan.a"),
    ("alter table app.orphan drop a, add a int", "column order table app.orphan"),
    ("alter table app.customers rename name to called", "left over column app.customers.called",
     "missing column app.customers.name"),
    ("alter table app.orphan alter a type bigint", "different column app.orphan.a: type"),
    ("alter table app.orphan alter a set not null", "different column app.orphan.a: not null"),
    ("alter table app.customers alter name drop not null", "different column app.customers.name: not null"),
    ("alter table app.orphan alter a set default 7", "different column app.orphan.a: default"),
    ("alter table app.orders alter total set default 1", "different column app.orders.total: default"),
    ("alter table app.orders alter total drop default", "different column app.orders.total: default"),
    ("alter table app.orders alter doubled drop expression",
     "different column app.orders.doubled: generated, generation"),
    ("alter table app.customers alter id set generated by default", "different column app.customers.id: identity"),
    ("alter table app.customers alter id drop identity", "different column app.customers.id: identity",
     "missing sequence app.customers_id_seq"),
    ("alter table app.customers alter id set cache 10", "different sequence app.customers_id_seq: cache"),
    ('alter table app.orders alter note type text collate "C"', "different column app.orders.note: collation"),
    ("alter table app.orders alter note set storage external", "different column app.orders.note: storage"),
    ("alter table app.orders alter note set statistics 500", "different column app.orders.note: statistics"),
    ("alter table app.orders alter note set (n_distinct = 5)", "different column app.orders.note: options"),
    (("update pg_attribute set attoptions = '{n_distinct=5,pg_attver=7}' "
     "where attrelid = 'app.orders'::regclass and attname = 'note'"), "different column app.orders.note: options"),
    ("alter foreign table app.remote alter a options (column_name 'b')",
     "different column app.remote.a: foreign options"),
    ('alter table app."Odd.Name" rename "a.b" to "c.d"', 'left over column app."Odd.Name"."c.d"',
     'missing column app."Odd.Name"."a.b"'),
    ("alter view app.cheap alter total set default 3", "different column app.cheap.total: default"),
) + _since(14,
    ("alter table app.orders alter note set compression pglz", "different column app.orders.note: compression"),
)  # fmt: skip
_CONSTRAINTS = _all(
    ("alter table app.orphan add constraint fresh check (a > 0)", "left over constraint app.orphan.fresh"),
    ("alter table app.orders drop constraint positive", "missing constraint app.orders.positive"),
    ("alter table app.orders validate constraint later",
     "different constraint app.orders.later: definition, validated"),
    ("alter table app.orders rename constraint later to soon", "left over constraint app.orders.soon",
     "missing constraint app.orders.later"),
    ("alter table app.orders alter constraint orders_customer deferrable initially deferred",
     "different constraint app.orders.orders_customer: definition"),
    ("alter table app.orphan add constraint fresh foreign key (a) references app.orders not valid",
     "left over constraint app.orphan.fresh"),
    ("alter table app.orphan add constraint one unique (a)", "left over constraint app.orphan.one",
     "left over index app.one"),
    ("comment on constraint positive on app.orders is 'no debts'", "different constraint app.orders.positive: comment"),
    ("alter domain app.amount drop constraint sane", "missing domain constraint app.amount.sane"),
    ("alter domain app.amount add constraint small check (value < 9) not valid",
     "left over domain constraint app.amount.small"),
) + _since(18,
    ("alter table app.orphan add constraint there not null a not valid",
     "different column app.orphan.a: not null, not null validated"),
    ("alter table app.orders alter constraint orders_customer not enforced",
     "different constraint app.orders.orders_customer: definition, validated"),
)  # fmt: skip
_INDEXES = _all(
    ("create index fresh on app.orders (customer)", "left over index app.fresh"),
    ("drop index app.orders_note", "missing index app.orders_note"),
    ("alter index app.orders_note rename to by_note", "left over index app.by_note", "missing index app.orders_note"),
    ("drop index app.orders_note; create index orders_note on app.orders (note desc)",
     "different index app.orders_note: definition"),
    ("alter index app.orders_note set (fillfactor = 50)", "different index app.orders_note: definition"),
    ("alter index app.orders_lower alter column 1 set statistics 300", "different index app.orders_lower: statistics"),
    ("comment on index app.orders_note is 'find'", "different index app.orders_note: comment"),
    ("update pg_index set indisvalid = false where indexrelid = 'app.orders_note'::regclass",
     "different index app.orders_note: valid"),
)  # fmt: skip
_TRIGGERS = _all(
    ("create trigger again after insert on app.orders for each row execute function app.touch()",
     "left over trigger app.orders.again"),
    ("drop trigger touch on app.orders", "missing trigger app.orders.touch"),
    ("alter table app.orders disable trigger touch", "different trigger app.orders.touch: enabled"),
    ("alter table app.orders enable always trigger touch", "different trigger app.orders.touch: enabled"),
    ("alter table app.orders enable replica trigger touch", "different trigger app.orders.touch: enabled"),
    ("alter table app.logs_1 disable trigger touch_logs", "left over trigger app.logs_1.touch_logs"),
    ("drop trigger touch_logs on app.logs", "missing trigger app.logs.touch_logs"),
    ("create rule loud as on delete to app.parent do also notify deleted", "left over rule app.parent.loud"),
    ("drop rule quiet on app.parent", "missing rule app.parent.quiet"),
    ("alter table app.parent disable rule quiet", "different rule app.parent.quiet: enabled"),
    ("create policy theirs on app.orders for update using (false)", "left over policy app.orders.theirs"),
    ("drop policy mine on app.orders", "missing policy app.orders.mine"),
    ("alter policy mine on app.orders to catalog_reader", "different policy app.orders.mine: roles"),
    ("alter policy mine on app.orders using (customer = 2)", "different policy app.orders.mine: using"),
    ("create event trigger looking on ddl_command_end execute function app.watch()", "left over event trigger looking"),
    ("drop event trigger watching", "missing event trigger watching"),
    ("alter event trigger watching disable", "different event trigger watching: enabled"),
)  # fmt: skip
_VIEWS = _all(
    ("create view app.dear as select 1 as a", "left over view app.dear"),
    ("create or replace view app.cheap as select id, total from app.orders where total < 20",
     "different view app.cheap: view"),
    ("drop view app.cheap; create view app.cheap as select total, id from app.orders where total < 10",
     "column order view app.cheap"),
    ("alter view app.cheap set (security_barrier)", "different view app.cheap: options"),
    ("drop view app.cheap", "missing view app.cheap"),
    ("grant select on app.cheap to catalog_reader", "different view app.cheap: acl"),
    ("refresh materialized view app.sums with no data", "different materialized view app.sums: populated"),
    ("drop materialized view app.sums", "missing materialized view app.sums"),
)  # fmt: skip
_SEQUENCES = _all(
    ("create sequence app.fresh", "left over sequence app.fresh"),
    ("drop sequence app.numbers", "missing sequence app.numbers"),
    ("alter sequence app.numbers increment 5", "different sequence app.numbers: increment"),
    ("alter sequence app.numbers maxvalue 99 cycle", "different sequence app.numbers: cycle, maximum"),
    ("alter sequence app.numbers as smallint", "different sequence app.numbers: maximum, type"),
    ("alter sequence app.numbers owned by app.orders.id", "different sequence app.numbers: owned by"),
    ("grant usage on sequence app.numbers to catalog_reader", "different sequence app.numbers: acl"),
)
_FUNCTIONS = _all(
    ("create function app.twice(n text) returns text language sql as 'select n || n'",
     "left over function app.twice(text)"),
    ("drop function app.twice", "missing function app.twice(integer)"),
    ("create or replace function app.twice(n int) returns int language sql immutable as 'select n + n'",
     "different function app.twice(integer): definition"),
    ("alter function app.twice security definer", "different function app.twice(integer): definition"),
    ("alter function app.twice set search_path = app", "different function app.twice(integer): definition"),
    ("alter function app.twice owner to catalog_owner", "different function app.twice(integer): owner"),
    ("revoke execute on function app.twice from public", "different function app.twice(integer): acl"),
    ("comment on function app.twice is 'n n'", "different function app.twice(integer): comment"),
    ("create or replace procedure app.clean() language sql as 'delete from app.orders'",
     "different procedure app.clean(): definition"),
    ("drop procedure app.clean", "missing procedure app.clean()"),
    ("drop aggregate app.total(int)", "missing aggregate app.total(integer)"),
    ("create or replace aggregate app.total(int) (sfunc = int4pl, stype = int, initcond = '1')",
     "different aggregate app.total(integer): definition"),
)  # fmt: skip
_TYPES = _all(
    ("create type app.mood as enum ('good', 'bad')", "left over enum app.mood"),
    ("alter type app.state add value 'lost'", "different enum app.state: labels"),
    ("alter type app.state add value 'lost' before 'paid'", "different enum app.state: labels"),
    ("alter type app.state rename value 'paid' to 'settled'", "different enum app.state: labels"),
    ("update pg_enum set enumsortorder = 9 where enumlabel = 'new' and enumtypid = 'app.state'::regtype",
     "different enum app.state: labels"),
    ("alter type app.state owner to catalog_owner", "different enum app.state: owner"),
    ("revoke usage on type app.state from public", "different enum app.state: acl"),
    ("comment on type app.state is 'of orders'", "different enum app.state: comment"),
    ("create domain app.short as varchar(5)", "left over domain app.short"),
    ("alter domain app.amount set not null", "different domain app.amount: not null"),
    ("alter domain app.amount set default 1", "different domain app.amount: default"),
    ("create type app.spot as (x int)", "left over composite type app.spot"),
    ("alter type app.place add attribute zip text", "left over column app.place.zip"),
    ("comment on type app.place is 'where'", "different composite type app.place: comment"),
    ("revoke usage on type app.place from public", "different composite type app.place: acl"),
    ("drop type app.span", "missing range app.span"),
    ("drop type app.span; create type app.span as range (subtype = float8, subtype_diff = float8mi)",
     "different range app.span: range"),
)  # fmt: skip
_REST = _all(
    ("create statistics app.more (ndistinct) on id, total from app.orders", "left over statistics app.more"),
    ("alter statistics app.together set statistics 300", "different statistics app.together: target"),
    ("drop statistics app.together", "missing statistics app.together"),
    ("create publication all_news for all tables", "left over publication all_news"),
    ("alter publication news add table app.customers", "different publication news: tables"),
    ("alter publication news set (publish = 'insert')", "different publication news: publishes"),
    ("alter publication news set (publish_via_partition_root)", "different publication news: via root"),
    ("drop publication news", "missing publication news"),
    ("alter default privileges for role catalog_owner in schema app grant insert on tables to catalog_reader",
     "different default privileges tables of catalog_owner in app: acl"),
    ("alter default privileges for role catalog_owner revoke execute on functions from public",
     "left over default privileges functions of catalog_owner"),
    ("create foreign data wrapper other", "left over foreign data wrapper other"),
    ("alter foreign data wrapper nothing options (debug 'true')", "different foreign data wrapper nothing: options"),
    ("create server near foreign data wrapper nothing", "left over foreign server near"),
    ("alter server far options (set host 'near.example.com')", "different foreign server far: options"),
    ("alter server far options (set password 'Planted-3')", "different foreign server far: options"),
    ("alter server far version '2'", "different foreign server far: version"),
    ("grant usage on foreign server far to catalog_reader", "different foreign server far: acl"),
    ("create user mapping for catalog_reader server far", "left over user mapping catalog_reader on far"),
    ("alter user mapping for public server far options (set password 'Planted-4')",
     "different user mapping public on far: options"),
    ("drop user mapping for public server far", "missing user mapping public on far"),
    ("create collation app.other (locale = 'C')", "left over collation app.other"),
    ("alter collation app.plain owner to catalog_owner", "different collation app.plain: owner"),
    ("alter text search configuration app.words alter mapping for word with app.shorts",
     "different text search configuration app.words: mapping"),
    ("drop text search configuration app.words", "missing text search configuration app.words"),
    ("alter text search dictionary app.shorts (accept = false)",
     "different text search dictionary app.shorts: options"),
    ("create text search dictionary app.longs (template = simple)", "left over text search dictionary app.longs"),
    ("create cast (text as app.place) with inout as assignment", "left over cast text as app.place"),
    ("drop cast (app.place as text)", "missing cast app.place as text"),
    ("create operator app.!== (function = int4ne, leftarg = int, rightarg = int)",
     "left over operator app.!==(integer, integer)"),
    ("alter operator app.=== (int, int) set (restrict = eqsel)",
     "different operator app.===(integer, integer): estimates"),
    ("drop operator app.=== (int, int)", "missing operator app.===(integer, integer)"),
    ("drop operator class app.ints using btree", "missing operator class app.ints using btree",
     "different operator family app.ints using btree: holds"),
    ("alter operator family app.ints using btree add operator 2 <= (int4, int4)",
     "different operator family app.ints using btree: holds"),
    ("drop conversion app.latin", "missing conversion app.latin"),
    ("comment on conversion app.latin is 'old'", "different conversion app.latin: comment"),
    (f"do $$begin {_IN_DATABASE.format('alter database %I set work_mem = 8192')} end$$", "left over setting work_mem"),
    (f"do $$begin {_IN_DATABASE.format('alter role catalog_reader in database %I set work_mem = 8192')} end$$",
     "left over setting work_mem for catalog_reader"),
    (f"do $$begin {_IN_DATABASE.format('comment on database %I is $t$shop$t$')} end$$",
     "different database 'current': comment"),
    (f"do $$begin {_IN_DATABASE.format('grant create on database %I to catalog_reader')} end$$",
     "different database 'current': acl"),
    ("create language other handler plpgsql_call_handler", "left over language other"),
) + _since(14,
    ("create subscription theirs connection 'dbname=nowhere' publication news with (connect = false, slot_name = none)",
     "left over subscription theirs"),
) + _since(15,
    ("alter publication news set table app.orders where (total > 5)", "different publication news: tables"),
    ("alter publication news set table app.orders (id, total)", "different publication news: tables"),
    ("create publication theirs for tables in schema app", "left over publication theirs"),
    ("alter publication news add tables in schema other", "different publication news: schemas"),
    ("alter table app.orphan add constraint one unique nulls not distinct (a)", "left over constraint app.orphan.one",
     "left over index app.one"),
    ("alter view app.cheap set (security_invoker)", "different view app.cheap: options"),
) + _since(18,
    ("alter table app.orphan add twice int generated always as (a * 2) virtual", "left over column app.orphan.twice"),
    ("alter publication news set (publish_generated_columns = stored)",
     "different publication news: generated columns"),
)  # fmt: skip

MUTATIONS = (
    *_SCHEMAS, *_TABLES, *_COLUMNS, *_CONSTRAINTS, *_INDEXES, *_TRIGGERS, *_VIEWS, *_SEQUENCES, *_FUNCTIONS, *_TYPES,
    *_REST,
)  # fmt: skip

# Nothing of this is a difference.
NOTHING = (
    "alter table app.orders add fresh int; alter table app.orders drop fresh",
    "insert into app.customers (name) values ('more')",
    "update app.orders set total = total + 1",
    "truncate app.orphan",
    "select setval('app.numbers', 50), nextval('app.customers_id_seq')",
    "grant select on app.orders to catalog_reader; revoke select on app.orders from catalog_reader",
    "grant select (note) on app.orders to catalog_reader; revoke select (note) on app.orders from catalog_reader",
    "grant usage on schema app to catalog_reader; revoke usage on schema app from catalog_reader",
    "grant usage on sequence app.numbers to catalog_reader; revoke usage on sequence app.numbers from catalog_reader",
    "grant execute on function app.twice to catalog_reader; revoke execute on function app.twice from catalog_reader",
    "grant usage on type app.state to catalog_reader; revoke usage on type app.state from catalog_reader",
    "grant all on app.orders to catalog_reader with grant option; revoke all on app.orders from catalog_reader",
    "analyze",
    # PostgreSQL 15.20 and its sisters keep options of their own, which begin with pg_
    "update pg_attribute set attoptions = '{pg_attver=7}' where attrelid = 'app.orders'::regclass",
    "update pg_class set reloptions = '{pg_attver=7}' where oid = 'app.orders'::regclass",
    (
        "update pg_class toast set reloptions = '{pg_attver=7}' from pg_class c "
        "where c.oid = 'app.orders'::regclass and toast.oid = c.reltoastrelid"
    ),
    "alter table app.orders set tablespace pg_default",
    "alter table app.orphan owner to catalog_owner; alter table app.orphan owner to postgres",
    "create temporary table passing (a int primary key); create temporary view seen as select * from passing",
    "reindex table app.orders",
    "cluster app.orders using orders_pkey; alter table app.orders set without cluster",
    "alter table app.orders rename to bills; alter table app.bills rename to orders",
    "drop index app.orders_note; create index orders_note on app.orders (note)",
    "alter table app.orphan alter a type bigint; alter table app.orphan alter a type int",
    "alter table app.orders disable row level security",
    "comment on column app.orders.note is 'x'; comment on column app.orders.note is null",
    "set local search_path = app, other; set local timezone = 'Asia/Tokyo'; set local datestyle = 'German'",
    "set local quote_all_identifiers = on; set local bytea_output = 'escape'; set local intervalstyle = 'iso_8601'",
    "update pg_collation set collversion = collversion; set local enable_seqscan = off",
)
