"""The general examples of the rules, which `explain` shows: they can be executed, and have no finding of their own."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from sqlmigrate.files.migration import Migration
from sqlmigrate.review.rules.all_rules import RULES
from sqlmigrate.review.rules.rule import Rule
from sqlmigrate.shadow import databases
from sqlmigrate.source import Source

from .test_own_advice import open_findings, review

pytestmark = pytest.mark.sampled(24)

# The tables that the examples are about.
TABLES = """\
create table customers (
    id bigint generated always as identity primary key,
    name text not null, email text, fax text, is_guest boolean not null default false
);
create table orders (
    id bigint generated always as identity primary key,
    customer_id bigint not null, total integer not null default 0, net numeric not null default 1, tax numeric,
    state text, is_test boolean, paid_at timestamptz, customer bigint
);
create type order_state as enum ('new', 'sent');
create table bookings (id bigint primary key, during tstzrange not null);
create table items (id bigint primary key, order_id bigint, price numeric, discount numeric);
create table users (id bigint primary key, name varchar(40) not null);
create materialized view order_totals as select customer_id, sum(total) as total from orders group by customer_id;
"""
_EVENTS = """\
create table events (id bigint not null, kind text, at timestamptz not null, day date not null)
    partition by range (day);
create table events_2024 partition of events for values from ('2024-01-01') to ('2025-01-01');
"""
_PARTITION = "create table events_2025 partition of events for values from ('2025-01-01') to ('2026-01-01');\n"
_NUMBER = "alter table orders add column number integer;\n"
_FOREIGN_KEY = (
    "alter table orders add constraint orders_customer_fkey foreign key (customer_id) references customers;\n"
)
_STATE_INDEX = "create index orders_state_index on orders (state);\n"
_PRODUCTS = "create table products (id bigint primary key, sku text not null, price numeric not null);\n"
# What only one example needs.
MORE = {
    "attach-partition-scan": f"{_EVENTS}create table events_2025 (like events);\n",
    "cascade-drops-dependents": (
        "create table legacy_orders (id int);\ncreate view legacy_report as select id from legacy_orders;\n"
    ),
    "check-removed": "alter table orders add constraint orders_total_check check (total >= 0);\n",
    "check-replaced": "alter table orders add constraint orders_state check (state in ('open', 'sent'));\n",
    "column-default-removed": "alter table orders add column currency text not null default 'EUR';\n",
    "column-not-copied": (
        "create table products (id bigint generated always as identity primary key, title text not null);\n"
    ),
    "column-not-writable": "alter table orders add column price numeric, add column amount numeric;\n",
    "column-values-lost": "create table builds (id bigint primary key, build_id bigint);\n",
    "concurrently-on-partitioned": f"{_EVENTS}{_PARTITION}",
    "create-partition-of-locks-parent": _EVENTS,
    "created-again": _FOREIGN_KEY.replace("orders_customer_fkey", "orders_fk_customer"),
    "default-partition-scan": f"{_EVENTS}create table events_default partition of events default;\n",
    "detach-partition-blocking": _EVENTS,
    "domain-constraint-scan": "create domain email as text;\n",
    "down-loses-new-data": _PRODUCTS,
    "drop-function": "create function order_total(o bigint) returns int language sql as 'select 1';\n",
    "drop-index-blocking": _STATE_INDEX,
    "drop-partition-locks-parent": _EVENTS,
    "drop-table": "create table legacy_orders (id int);\n",
    "drop-view": "create view open_orders as select id from orders;\n",
    "execute-revoked": (
        "create role shop;\ncreate function is_member(bigint) returns boolean language sql as 'select true';\n"
    ),
    "foreign-key-removed": _FOREIGN_KEY.replace(";", " on delete cascade;"),
    "function-body-broken": "create function order_total(o bigint) returns numeric language sql as 'select 1.0';\n",
    "hidden-writes": "create table order_notes (id int, customer_id bigint references customers on delete cascade);\n",
    "index-not-copied": (f"{_PRODUCTS}create index products_sku on products (sku);\n"),
    "locks-other-table": _FOREIGN_KEY,
    "no-longer-published": "create publication shop for table customers;\n",
    "overload-ambiguous": "alter table items add column n integer;\n",
    "overload-takes-calls": "alter table items add column n integer;\n",
    "owner-changed": "create role shop;\n",
    "partitioned-index-blocking": f"{_EVENTS}{_PARTITION}",
    "policy-changed": (
        "alter table orders add column owner name, add column is_public boolean;\n"
        "create policy own_orders on orders using (owner = current_user);\n"
    ),
    "policy-removed": (
        "alter table orders add column owner name, add column is_public boolean;\n"
        "create policy own_orders on orders using (owner = current_user);\n"
    ),
    "primary-key-implies-not-null": (
        "alter table orders drop constraint orders_pkey, alter column id drop identity;\n"
        "alter table orders alter column id drop not null;\ncreate sequence ids;\n"
        "alter table orders alter column id set default nextval('ids');\n"
        "create unique index orders_id_index on orders (id);\n"
    ),
    "refers-to-old-table": (
        "create table posts (id bigint primary key, author bigint constraint posts_author_fkey references users);\n"
    ),
    "reindex-blocking": _STATE_INDEX,
    "rename-schema": "create schema legacy;\ncreate table legacy.orders (id int);\n",
    "replica-identity-missing": f"{_NUMBER}alter table orders alter column number set not null;\n",
    "rights-revoked": (
        "create role shop;\ncreate table invoices (id int);\ngrant select, insert, update on invoices to shop;\n"
    ),
    "rls-disabled": "create role reporting;\nalter table orders enable row level security;\n",
    "rls-without-policy": "alter table orders add column owner name;\n",
    "sequence-behind-data": (
        "create table countries (id int generated by default as identity primary key, name text);\n"
    ),
    "set-logged": "create unlogged table imports (id bigint primary key, line text);\n",
    "set-schema": "create schema shop;\n",
    "set-tablespace": "create index orders_state_index on orders (state);\n",
    "set-unlogged": "create table sessions (id bigint primary key);\n",
    "trigger-disabled": (
        "create function audit() returns trigger language plpgsql as 'begin return new; end';\n"
        "create trigger orders_audit before update on orders for each row execute function audit();\n"
    ),
    "trigger-removed": (
        "create function audit() returns trigger language plpgsql as 'begin return new; end';\n"
        "create trigger orders_audit before update on orders for each row execute function audit();\n"
    ),
    "type-change-constraint-recheck": "alter table users add constraint users_name_check check (name <> '');\n",
    "type-change-index-rebuild": "create index users_lower_name on users (lower(name));\n",
    "unique-constraint-builds-index": _NUMBER,
    "unique-removed": (
        "create table tokens (id int primary key, user_id bigint, device text, active boolean,\n"
        "    constraint tokens_user_device unique (user_id, device));\n"
    ),
}
# What the examples announce in words, or what depends on the rows; with the reason.
ANNOUNCED = {
    "check-replaced": {"check-removed"},  # each of the two files is right
    "column-not-writable": {"add-column-stored-generated"},  # a small table
    "data-not-restored": {"down-blocks"},  # a small table
    "execute-revoked": {"rights-revoked"},  # what it is about
    "foreign-key-removed": {"locks-other-table"},  # for an instant
    "hidden-writes": {"bulk-dml"},  # how many rows it deletes depends on the rows
    "new-not-null-without-default": {"new-not-null-without-default", "allow-without-need"},  # two releases in one
    "policy-removed": {"policy-changed"},  # what it is about
    "replica-identity-missing": {"unique-removed"},  # a new key instead of the old one
    "rows-lost": {"bulk-dml"},  # how many rows it deletes depends on the rows
}
# The same on a server older than 14, where a partition is not detached CONCURRENTLY.
BEFORE_14 = {
    name: {"detach-partition-blocking"} for name in ("detach-partition-blocking", "drop-partition-locks-parent")
}
_FILE = re.compile(r"^-- (?:\d+\. |for an index: )?(\d{3})_(\w+)\.(up|down)\.sql.*\n", re.MULTILINE)
WITH_FILES = [name for name, rule in RULES.items() if _FILE.search(rule.example(18)) and name not in
              ("merged-migration-changed", "merged-migration-deleted", "down-missing", "down-fails", "down-incomplete",
               "down-blocks", "reapply-fails")]  # fmt: skip


def files(rule: Rule, version: int) -> tuple[Migration, ...]:
    """Read the files of a rule's example."""
    text = rule.example(version).replace("tablespace fast", "tablespace pg_default").partition("\n-- or")[0] + "\n"
    _, *parts = _FILE.split(text)
    found: dict[str, Migration] = {}
    for number, name, way, sql in zip(parts[::4], parts[1::4], parts[2::4], parts[3::4], strict=True):
        label = f"{number}_{name}"
        migration = found.get(label, Migration(number, name, Source(f"sql/{label}.up.sql", "")))
        source = Source(f"sql/{label}.{way}.sql", sql)
        found[label] = replace(migration, up=source) if way == "up" else replace(migration, down=source)
    return tuple(found.values())


@pytest.mark.parametrize("name", WITH_FILES)
def test_an_example_has_no_finding_of_its_own(name: str, server: databases.Shadow) -> None:
    """It can be executed after the tables that it is about, and has no warning or danger that it does not announce."""
    version = server.version // 10_000
    base = Migration("001", "base", Source("sql/001_base.up.sql", TABLES + MORE.get(name, "")))
    result = review(server, [base], files(RULES[name], version))

    announced = {**ANNOUNCED, **(BEFORE_14 if version < 14 else {})}
    allowed = announced.get(name, set()) | {"down-missing", "fails-on-data"}  # which rows there are is not known
    assert [each for each in open_findings(result) if each[0] not in allowed] == []
