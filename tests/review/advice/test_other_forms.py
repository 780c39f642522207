"""Advice for other forms of the same statements: quoted names, other schemas, unnamed objects, several in one file.

The files of each advice are written in the place of the reviewed migration, and reviewed again.
"""

from __future__ import annotations

from dataclasses import replace

import pytest
from pasted_advice import files_of, paste
from rule_cases import migrations

from sqlmigrate.shadow import databases

from .test_own_advice import SINCE, open_findings, review

pytestmark = pytest.mark.sampled(24)

TABLES = """\
create schema shop;
create table prices (id bigint primary key, price numeric(12, 4), label varchar(50));
insert into prices select n, n + 0.1234, 'p' || n || '             ' from generate_series(1, 300) n;
create table customers (id bigint primary key, name text, first text, last text);
insert into customers select n, 'c' || n from generate_series(1, 300) n;
create table shop."Order" (
    id uuid primary key default gen_random_uuid(),
    "Total" integer not null default 0, customer_id bigint, "Note" text, token text
);
insert into shop."Order" ("Total", customer_id, "Note", token)
select n, n, 'x', 't' || n from generate_series(1, 300) n;
create index "by note" on shop."Order" ("Note");
create index by_token on shop."Order" (token);
create table logs (at timestamptz, kind text);
insert into logs select now(), 'k' || n from generate_series(1, 300) n;
create table shop.events (id bigint not null, region text not null) partition by list (region);
create table shop.events_eu partition of shop.events for values in ('de', 'fr');
create table shop.events_us partition of shop.events for values in ('us');
insert into shop.events select n, case when n % 2 = 0 then 'de' else 'us' end from generate_series(1, 300) n;
"""

# The up file, the down file (None for none), and the rules whose findings have an advice.
FORMS: dict[str, tuple[str, str | None, set[str]]] = {
    "unique quoted": (
        """\
CREATE UNIQUE INDEX "Order total" ON shop."Order" ("Total");
""",
        """\
drop index shop."Order total";
""",
        {"create-index-blocking"},
    ),
    "unnamed index": (
        """\
create index on shop."Order" (customer_id);
""",
        """\
drop index shop."Order_customer_id_idx";
""",
        {"create-index-blocking"},
    ),
    "mixed": (
        """\
alter table shop."Order" add column a int;
-- why
create index o_a on shop."Order" (customer_id);
create index o_b on shop."Order" (lower("Note")) where "Note" is not null;
create table extra (id int);
""",
        """\
drop table extra;
drop index shop.o_b;
drop index shop.o_a;
alter table shop."Order" drop column a;
""",
        {"create-index-blocking"},
    ),
    "not null multi": (
        """\
ALTER TABLE shop."Order" ALTER COLUMN "Note" SET NOT NULL, ADD COLUMN n2 text;
""",
        """\
ALTER TABLE shop."Order" ALTER COLUMN "Note" DROP NOT NULL, DROP COLUMN n2;
""",
        {"new-not-null-without-default", "set-not-null-scan"},
    ),
    "not null two": (
        """\
alter table shop."Order" alter "Note" set not null;
alter table shop."Order" alter column token set not null;
""",
        """\
alter table shop."Order" alter token drop not null;
alter table shop."Order" alter "Note" drop not null;
""",
        {"new-not-null-without-default", "set-not-null-scan"},
    ),
    "check unnamed": (
        """\
alter table shop."Order" add check ("Total" >= 0);
""",
        """\
alter table shop."Order" drop constraint "Order_Total_check";
""",
        {"constraint-without-not-valid"},
    ),
    "fk unnamed": (
        """\
alter table only shop."Order" add foreign key (customer_id) references customers on delete cascade;
""",
        """\
alter table shop."Order" drop constraint "Order_customer_id_fkey";
""",
        {"foreign-key-without-not-valid"},
    ),
    "column fk": (
        """\
alter table shop."Order" add column c2 bigint default 1 references customers (id) on delete set null, add column d int;
""",
        """\
alter table shop."Order" drop column d, drop column c2;
""",
        {"foreign-key-without-not-valid"},
    ),
    "unique two": (
        """\
alter table shop."Order" add constraint a_key unique (token), add unique ("Total");
""",
        """\
alter table shop."Order" drop constraint a_key, drop constraint "Order_Total_key";
""",
        {"unique-constraint-builds-index"},
    ),
    "column unique": (
        """\
alter table shop."Order" add column code int unique;
""",
        """\
alter table shop."Order" drop column code;
""",
        {"unique-constraint-builds-index"},
    ),
    "pk nullable": (
        """\
alter table logs add column id bigint;
alter table logs add primary key (kind);
""",
        """\
alter table logs drop constraint logs_pkey;
alter table logs alter kind drop not null;
alter table logs drop column id;
""",
        {"new-not-null-without-default", "unique-constraint-builds-index"},
    ),
    "update from": (
        """\
update shop."Order" as o set "Note" = c.name from customers c where c.id = o.customer_id or c.id = 0;
""",
        """\
select 1;
""",
        {"bulk-dml"},
    ),
    "update twice": (
        """\
update customers set id = id + 1000000;
""",
        """\
update customers set id = id - 1000000;
""",
        {"bulk-dml"},
    ),
    "volatile not null": (
        """\
alter table shop."Order" add column "Tok" uuid not null default gen_random_uuid(), add column x int;
""",
        """\
alter table shop."Order" drop column x, drop column "Tok";
""",
        {"add-column-volatile-default"},
    ),
    "bigserial": (
        """\
alter table customers add column num bigserial;
""",
        """\
alter table customers drop column num;
""",
        {"add-column-serial"},
    ),
    "type change": (
        """\
alter table shop."Order" alter "Total" type bigint;
""",
        """\
alter table shop."Order" alter "Total" type integer;
""",
        {"type-change-rewrite"},
    ),
    "type using": (
        """\
alter table shop."Order" alter column customer_id set data type text using customer_id::text;
""",
        """\
alter table shop."Order" alter column customer_id set data type bigint using customer_id::bigint;
""",
        {"type-change-rewrite"},
    ),
    "fewer digits": (
        """\
alter table prices alter column price type numeric(8, 2);
""",
        """\
alter table prices alter column price type numeric(12, 4);
""",
        {"type-change-rewrite"},
    ),
    "a shorter text": (
        """\
alter table prices alter column label type varchar(9);
""",
        """\
alter table prices alter column label type varchar(50);
""",
        {"type-change-rewrite"},
    ),
    "rename column": (
        """\
alter table shop."Order" rename "Note" to "Remark";
""",
        """\
alter table shop."Order" rename "Remark" to "Note";
""",
        {"rename-column"},
    ),
    "rename table": (
        """\
alter table shop."Order" rename to orders;
""",
        """\
alter table shop.orders rename to "Order";
""",
        {"rename-table"},
    ),
    "drop two indexes": (
        """\
drop index shop."by note", shop.by_token;
""",
        """\
create index "by note" on shop."Order" ("Note");
create index by_token on shop."Order" (token);
""",
        {"down-blocks", "drop-index-blocking"},
    ),
    "partition index": (
        """\
create unique index ev on shop.events (id, region);
""",
        """\
drop index shop.ev;
""",
        {"partitioned-index-blocking"},
    ),
    "partition of": (
        """\
create table shop.events_uk partition of shop.events for values in ('uk');
""",
        """\
drop table shop.events_uk;
""",
        {"create-partition-of-locks-parent"},
    ),
    "detach": (
        """\
alter table shop.events detach partition shop.events_us;
""",
        """\
alter table shop.events attach partition shop.events_us for values in ('us');
""",
        {"detach-partition-blocking"},
    ),
    "drop column": (
        """\
alter table shop."Order" drop column "Total";
""",
        """\
alter table shop."Order" add column "Total" integer not null default 0;
""",
        {"drop-column"},
    ),
    "no down": (
        """\
alter table shop."Order" add column z int;
create type mood as enum ('a');
create view v as select id from shop."Order";
create index concurrently zz on customers (name);
""",
        None,
        {"not-in-transaction"},
    ),
    "no down 2": (
        """\
alter table shop."Order" add column z int;
create type mood as enum ('a');
create table t2 (id int primary key, m mood);
create view v as select id from t2;
create function f(a int) returns int language sql as $f$ select 1 $f$;
""",
        None,
        {"down-missing"},
    ),
    "two tables": (
        """\
alter table customers add column p int;
alter table customers add column q int;
alter table shop."Order" add column q int;
alter table logs add column q int;
""",
        """\
alter table logs drop column q;
alter table shop."Order" drop column q;
alter table customers drop column q;
alter table customers drop column p;
""",
        {"two-exclusive-tables"},
    ),
}


@pytest.mark.parametrize("name", FORMS)
def test_an_advice_fits_other_forms(name: str, server: databases.Shadow) -> None:
    """Every warning and danger of a form has an advice; following it gives no finding of another rule."""
    up, down, rules = FORMS[name]
    setup = migrations(TABLES, 1)
    bad = migrations(up if down is None else f"{up}-- down\n{down}", 2)
    found = [each for reviewed in review(server, setup, bad).migrations for each in reviewed.findings]
    advised = {each.rule.name: each.instead for each in found if each.instead and each.severity != "note"}
    known = {each for each in rules if server.version // 10_000 >= SINCE.get(each, 0)}
    assert known <= advised.keys()
    assert not (rules - known) & advised.keys()
    for rule, text in advised.items():
        reported = {each.rule.name for each in found} - {rule}
        after = open_findings(review(server, setup, paste(text, bad)))
        assert [each for each in after if each[0] not in reported] == [], text


@pytest.mark.parametrize("statement", ["create index dyn on logs (kind)", "alter table logs alter kind set not null"])
def test_code_has_no_advice(statement: str, server: databases.Shadow) -> None:
    """What a block executes is found, and only the page of the rule is named: the text is not in the file."""
    block = f"do $$ begin execute '{statement}'; end $$;\n-- down\nselect 1;\n"
    result = review(server, migrations(TABLES, 1), migrations(block, 2))

    dangers = [each for reviewed in result.migrations for each in reviewed.findings if each.severity == "danger"]
    assert [each.instead for each in dangers if each.rule.name.startswith(("create-index", "set-not-null"))] == [""]


def test_a_block_that_locks_two_tables_is_not_cut(server: databases.Shadow) -> None:
    """It would lock both in a file of its own as well."""
    block = "do $$ begin alter table logs add x int; alter table customers add x int; end $$;\n-- down\nselect 1;\n"
    result = review(server, migrations(TABLES, 1), migrations(block, 2))

    found = {each.rule.name: each.instead for reviewed in result.migrations for each in reviewed.findings}
    assert found["two-exclusive-tables"] == ""


def test_further_files_have_the_versions_after_the_newest(server: databases.Shadow) -> None:
    """The reviewed migration keeps its version; time stamps go on a second after the newest one."""
    up, down = "alter table logs add constraint logs_kind check (kind <> '');\n", "select 1;\n"
    first = replace(migrations(f"{up}-- down\n{down}", 1)[0], version="20260101_120000", name="kind")
    second = replace(migrations(f"{down}-- down\n{down}", 1)[0], version="20260101_120059", name="b")
    result = review(server, migrations(TABLES, 1), (first, second))
    instead = next(each.instead for each in result.migrations[0].findings if each.instead)

    assert files_of(instead) == [
        "20260101_120000_kind.up.sql",
        "20260101_120000_kind.down.sql",
        "20260101_120100_validate_logs_kind.up.sql",
        "20260101_120100_validate_logs_kind.down.sql",
    ]
