"""What is dropped and created again only to have another name is one finding, with the renames to write instead."""

from __future__ import annotations

from pathlib import Path

import pytest

from sqlmigrate.files.migration import Migration
from sqlmigrate.review import pipeline
from sqlmigrate.review.new.subjects import Subjects
from sqlmigrate.review.rules.rule import Finding
from sqlmigrate.shadow import databases
from sqlmigrate.source import Source

SETUP = """\
create schema shop;
create table customers (id bigint primary key, email text constraint only_one unique);
create table shop."Order" (id bigint primary key, customer_id bigint constraint of_customer references customers,
    total int constraint positive check (total >= 0), period int4range,
    constraint apart exclude using gist (period with &&));
create index by_total on shop."Order" (total);
create table events (id int, at int constraint after_zero check (at >= 0)) partition by range (at);
create table events_1 partition of events for values from (0) to (100);
create table events_2 partition of events for values from (100) to (200);
insert into customers select i, i from generate_series(1, 100) i;
insert into shop."Order" select i, i, i, int4range(i, i + 1) from generate_series(1, 100) i;
insert into events select i, i from generate_series(1, 199) i;
"""
T = 'alter table shop."Order"'
KEY = "foreign key (customer_id) references customers"
OWN = "foreign key (id) references customers"
RENAMED = {
    "a foreign key": (
        f"{T} drop constraint of_customer; {T} add constraint of_customer_fkey {KEY}",
        f"{T} rename constraint of_customer to of_customer_fkey",
    ),
    "in one statement": (
        f"{T} drop constraint of_customer, add constraint of_customer_fkey {KEY}",
        f"{T} rename constraint of_customer to of_customer_fkey",
    ),
    "in a DO block": (
        f"do $$ begin {T} drop constraint of_customer; {T} add constraint of_customer_fkey {KEY}; end $$",
        f"{T} rename constraint of_customer to of_customer_fkey",
    ),
    "a check": (
        f'{T} drop constraint positive; {T} add constraint "Not negative" check (total >= 0)',
        f'{T} rename constraint positive to "Not negative"',
    ),
    "a unique constraint": (
        "alter table customers drop constraint only_one; alter table customers add constraint one_each unique (email)",
        "alter table customers rename constraint only_one to one_each",
    ),
    "an exclusion": (
        f"{T} drop constraint apart; {T} add constraint apart_from exclude using gist (period with &&)",
        f"{T} rename constraint apart to apart_from",
    ),
    "an index": (
        'drop index shop.by_total; create index total_of_order on shop."Order" (total)',
        "alter index shop.by_total rename to total_of_order",
    ),
    "a check of a partitioned table": (
        "alter table events drop constraint after_zero; alter table events add constraint not_negative check (at >= 0)",
        "alter table events rename constraint after_zero to not_negative",
    ),
}


def found(server: databases.Shadow, up: str) -> list[Finding]:
    """Return the findings of a file, without that of the missing down file."""
    setup, new = (
        Migration(f"{number:03}", "case", Source(f"sql/{number:03}_case.up.sql", text), None)
        for number, text in enumerate((SETUP, up), start=1)
    )
    review = pipeline.review_on(server, Subjects("main", (setup,), (new,)), pipeline.Settings(Path(), limit=2.0))
    return [each for each in review.migrations[0].findings if each.rule.name != "down-missing"]


@pytest.mark.parametrize("name", RENAMED)
def test_it_is_one_danger_with_the_rename(name: str, server: databases.Shadow) -> None:
    """The rename and its way back can be pasted; the locks and scans that follow are not told again."""
    up, rename = RENAMED[name]
    findings = found(server, up)

    assert [(each.rule.name, each.severity) for each in findings] == [("created-again", "danger")]
    assert [line.rstrip("; ") for line in findings[0].instead.splitlines()] == ["-- 002_case.up.sql", rename]


def test_both_files_are_written_again_without_what_is_created_again(server: databases.Shadow) -> None:
    """Other statements stay where they are; both directions rename."""
    setup = Migration("001", "case", Source("sql/001_case.up.sql", SETUP), None)
    up = f"comment on table customers is 'c';\n{T} drop constraint of_customer;\n{T} add constraint fk {KEY};\n"
    down = f"{T} drop constraint fk;\n{T} add constraint of_customer {KEY};\ncomment on table customers is null;\n"
    new = Migration("002", "case", Source("sql/002_case.up.sql", up), Source("sql/002_case.down.sql", down))
    review = pipeline.review_on(server, Subjects("main", (setup,), (new,)), pipeline.Settings(Path(), limit=2.0))

    (finding,) = review.migrations[0].findings
    assert finding.instead.splitlines() == [
        "-- 002_case.up.sql",
        "comment on table customers is 'c';",
        f"{T} rename constraint of_customer to fk;",
        "-- 002_case.down.sql",
        f"{T} rename constraint fk to of_customer;",
        "comment on table customers is null;",
    ]


def test_every_locked_table_is_named(server: databases.Shadow) -> None:
    """A foreign key locks the referenced table as well."""
    (finding,) = found(server, RENAMED["a foreign key"][0])

    assert finding.message == (
        "`of_customer` is dropped and created again under another name: "
        'that locks `customers` and `shop."Order"`; a rename takes an instant'
    )
    assert finding.waits == "everyone"


OTHER = {
    "another condition": f"{T} drop constraint positive; {T} add constraint positive_too check (total > 0)",
    "another table": f"{T} drop constraint of_customer; alter table customers add constraint c {OWN}",
    "another action": f"{T} drop constraint of_customer; {T} add constraint of_customer_fkey {KEY} on delete cascade",
    "a table that has the old name now": (
        f"alter table customers rename to customers_old; create table customers (id bigint primary key); "
        f"insert into customers select id from customers_old; {T} drop constraint of_customer; "
        f"{T} add constraint of_customer_fkey {KEY}"
    ),
    "another column": 'drop index shop.by_total; create index total_of_order on shop."Order" (total, id)',
}


@pytest.mark.parametrize("name", OTHER)
def test_another_definition_is_no_rename(name: str, server: databases.Shadow) -> None:
    """It is dropped, and something else is created."""
    assert "created-again" not in {each.rule.name for each in found(server, OTHER[name])}


def test_another_constraint_in_the_same_statement_is_still_told(server: databases.Shadow) -> None:
    """A new check reads the table: that is no consequence of the rename."""
    up = f"{RENAMED['a foreign key'][0]}, add constraint c check (total < 999)"
    rules = {each.rule.name for each in found(server, up)}

    assert rules & {"constraint-without-not-valid", "foreign-key-without-not-valid"}


def test_what_blocks_no_one_is_no_finding(server: databases.Shadow) -> None:
    """An index that is built and dropped CONCURRENTLY under another name costs time, and blocks no one."""
    up = (
        "-- sqlmigrate: no-transaction\n"
        'create index concurrently total_of_order on shop."Order" (total);\n'
        "drop index concurrently shop.by_total;\n"
    )
    assert "created-again" not in {each.rule.name for each in found(server, up)}
