"""Whoever follows an advice loses no data: its files are executed on a database with rows."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest
from pasted_advice import paste
from project import Project, failure, succeeded
from rule_cases import migrations

from sqlmigrate.files.migration import Migration
from sqlmigrate.shadow import databases

from .test_own_advice import review

pytestmark = pytest.mark.sampled(24)


def advice(server: databases.Shadow, setup: Sequence[Migration], new: Sequence[Migration], rule: str) -> str:
    """Return the advice for a rule; empty if there is none."""
    found = (each for reviewed in review(server, setup, new).migrations for each in reviewed.findings)
    return next((each.instead for each in found if each.rule.name == rule and each.instead), "")


def project(folder: Path, url: str, setup: Sequence[Migration]) -> Project:
    """Execute the migrations that are merged."""
    made = Project(folder / "sql", url)
    write(made, setup)
    succeeded(made.up())
    return made


def write(made: Project, new: Sequence[Migration]) -> None:
    """Write migrations into the folder."""
    for each in new:
        made.add(each.label, each.up.text, each.down.text if each.down else None)


PHONES = """\
create table customers (
    id bigint generated always as identity primary key, phone varchar(50), balance numeric(12,4), seen timestamptz,
    code text, bits bit varying(8), level bigint
);
-- down
drop table customers;
"""
# The change of the type, a value that fits, the same afterwards, and one that does not fit.
CHANGES = {
    "a shorter text": ("phone type varchar(20)", "'0171'", "0171", "'+49 171 00000000000000'"),
    "a text of a fixed length": ("phone type char(20)", "'0171'", f"{'0171':20}", "'+49 171 00000000000000'"),
    "a text that is cut": ("phone type varchar(20) using phone::varchar(20)", "'0171'", "0171", "repeat('7', 21)"),
    "a text in brackets that is cut": (
        "phone type varchar(20) using (trim(phone))::varchar(20)", "' 0171'", "0171", "repeat('7', 21)",
    ),
    "a number as a short text": ("level type varchar(3) using level::varchar(3)", "999", "999", "1000"),
    "a number as a short text without USING": ("level type varchar(3)", "999", "999", "1000"),
    "fewer bits": ("bits type bit varying(4)", "B'1010'", "1010", "B'10101'"),
    "fewer digits": ("balance type numeric(6,4)", "99.5", "99.5000", "100"),
    "a smaller number": ("level type integer", "2147483647", "2147483647", "2147483648"),
}  # fmt: skip


@pytest.mark.parametrize("name", CHANGES)
def test_a_change_of_type_cuts_no_value(name: str, server: databases.Shadow, database: str, tmp_path: Path) -> None:
    """The fill and the trigger refuse a value that the new type has no place for, as ALTER TABLE does."""
    change, value, after, long = CHANGES[name]
    column = change.partition(" ")[0]
    setup = migrations(PHONES, 1)
    old = "bit varying(8)" if column == "bits" else "varchar(50)"
    new = migrations(f"alter table customers alter column {change};\n-- down\nselect 1; -- {old}\n", 2)
    text = advice(server, setup, new, "type-change-rewrite")
    made = project(tmp_path, database, setup)
    made.execute(f"insert into customers ({column}) values ({value}), ({long}), (null)")
    write(made, paste(text, new))

    assert failure(made.up()).step.label == f"003_fill_customers_{column}_new", text
    made.execute(f"delete from customers where {column} = {long}")
    with pytest.raises(Exception, match=r"too long|out of range|field overflow"):
        made.execute(f"insert into customers ({column}) values ({long})")
    succeeded(made.up())
    assert made.query(f"select {column}::text from customers order by id") == [(after.rstrip(),), (None,)]


REFUSED = "each value that it counts is refused, by the fill and when the application writes it"
ROUNDED = "each value that it counts is rounded, as ALTER TABLE would round it"
QUESTIONS = {
    "phone type varchar(20)": [f"select count(*) from customers where length(phone::text) > 20; {REFUSED}"],
    "balance type numeric(6,2)": [
        f"select count(*) from customers where abs(round(balance::numeric, 2)) >= 1e4; {REFUSED}",
        f"select count(*) from customers where balance <> round(balance::numeric, 2); {ROUNDED}",
    ],
    "seen type timestamptz(0)": [
        f"select count(*) from customers where seen <> seen::timestamp(0) with time zone; {ROUNDED}"
    ],
    "level type numeric": [],
}


@pytest.mark.parametrize("change", QUESTIONS)
def test_a_change_to_a_narrower_type_has_a_question_for_production(change: str, server: databases.Shadow) -> None:
    """Which values are refused or rounded can be asked before anything is executed."""
    new = migrations(f"alter table customers alter column {change};\n-- down\nselect 1;\n", 2)
    text = advice(server, migrations(PHONES, 1), new, "type-change-rewrite")
    prefix = "-- ask production first: "

    asked = [line.removeprefix(prefix) for line in text.splitlines() if line.startswith(prefix)]
    assert asked == QUESTIONS[change]


SHOP = """\
create table customers (id bigint primary key, phone text);
create table products (
    id bigint generated always as identity primary key, sku text not null, price numeric, vat numeric
);
create table archive (sku text);
-- down
drop table archive;
drop table products;
drop table customers;
"""
ROWS = "insert into products (sku, price) select 'sku' || n, n from generate_series(1, 30) n"
SWAPS = {
    "a new table under the old name": """\
alter table products rename to products_old;
create table products (id bigint generated always as identity primary key, sku text not null, price numeric);
insert into products (sku, price) select sku, price from products_old;
-- down
drop table products;
alter table products_old rename to products;
""",
    "a new table that is filled first": """\
alter table products add column note text;
create table products_new (id bigint generated always as identity primary key, sku text not null, price numeric);
insert into products_new (sku, price) select sku, price from products;
alter table products rename to products_old;
alter table products_new rename to products;
-- down
alter table products rename to products_new;
alter table products_old rename to products;
drop table products_new;
alter table products drop column note;
""",
    "a column under the old name": """\
alter table products rename column price to price_old;
alter table products add column price numeric(12, 2);
update products set price = price_old;
-- down
alter table products drop column price;
alter table products rename column price_old to price;
""",
}


@pytest.mark.parametrize("name", SWAPS)
def test_the_fill_of_a_swapped_table_is_not_moved_behind_the_swap(name: str, server: databases.Shadow) -> None:
    """No advice has another file for it: the application would see an empty table. A sentence says what helps."""
    setup, new = migrations(f"{SHOP.partition('-- down')[0]}{ROWS};\n", 1), migrations(SWAPS[name], 2)
    text = advice(server, setup, new, "work-under-lock")

    things, without = ("column", "its values") if "column price" in SWAPS[name] else ("table", "its rows")
    what = "products.price" if things == "column" else "products"
    assert text.splitlines()[0] == (
        f"-- keep in one file what puts another {things} in the place of {what}, and what fills it: "
        f"between two files the running application would see a {things} without {without}"
    )
    assert paste(text, new) == tuple(new)


def test_work_stays_before_the_statement_that_drops_what_it_reads(
    server: databases.Shadow, database: str, tmp_path: Path
) -> None:
    """A column is dropped in a file behind the one that copies its values."""
    setup = migrations(SHOP, 1)
    new = migrations(
        "alter table products add column net numeric;\nupdate products set net = price;\n"
        "alter table customers add column note text;\nalter table products drop column price;\n"
        "-- down\nselect 1;\n",
        2,
    )
    text = advice(server, setup, new, "work-under-lock")
    made = project(tmp_path, database, setup)
    made.execute(ROWS)
    write(made, paste(text, new))

    assert succeeded(made.up()) == ["002_case", "003_update_products", "004_alter_table_products"]
    assert made.value("select sum(net) from products") == sum(range(1, 31))


MOVED = """\
alter table products add column note text;
{create}insert into {table} (sku) select sku from products;
-- down
{drop}alter table products drop column note;
"""


def test_the_down_file_of_a_moved_insert_removes_its_rows(
    server: databases.Shadow, database: str, tmp_path: Path
) -> None:
    """A table that the file creates is emptied again, so that the next up does not double its rows."""
    setup = migrations(SHOP, 1)
    new = migrations(
        MOVED.format(table="labels", create="create table labels (sku text);\n", drop="drop table labels;\n"), 2
    )
    made = project(tmp_path, database, setup)
    made.execute(ROWS)
    text = advice(server, setup, new, "work-under-lock")
    write(made, paste(text, new))
    succeeded(made.up())
    succeeded(made.down())
    succeeded(made.up())

    assert made.value("select count(*) from labels") == 30, text


def test_a_moved_insert_into_an_old_table_is_irreversible(server: databases.Shadow) -> None:
    """No down file can tell its rows from the others, and one without effect would let up double them."""
    new = migrations(MOVED.format(table="archive", create="", drop=""), 2)
    text = advice(server, migrations(SHOP, 1), new, "work-under-lock")

    insert = paste(text, new)[1]
    assert insert.up.text == (
        "-- sqlmigrate: irreversible (executed again after down, it would write its rows twice)\n"
        "insert into archive (sku) select sku from products;\n"
    )
    assert insert.down is None


def test_rows_without_a_value_are_asked_for_before_a_column_becomes_not_null(server: databases.Shadow) -> None:
    """With the constraint, even an UPDATE of another column of such a row fails, so the values come first."""
    new = migrations(
        "alter table customers alter column phone set not null;\n-- down\n"
        "alter table customers alter column phone drop not null;\n", 2,
    )  # fmt: skip

    text = advice(server, migrations(PHONES, 1), new, "set-not-null-scan")

    assert text.splitlines()[0] == (
        "-- first give customers.phone a value where it has none: select count(*) from customers where phone is null"
    )
