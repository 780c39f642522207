"""Types that hold less than before: production's values may not fit, whether generated rows do or not."""

from __future__ import annotations

from pathlib import Path

from sqlmigrate.files.migration import Migration
from sqlmigrate.review import pipeline
from sqlmigrate.review.new.subjects import Subjects
from sqlmigrate.review.rules.rule import Finding
from sqlmigrate.shadow import databases
from sqlmigrate.source import Source

SETUP = """\
create schema shop;
create table notes (
    id bigint primary key, short varchar(50), long text, code char(10), tags varchar(50)[],
    price numeric(12, 2), rate numeric, size double precision, count bigint, small int, flags bit varying(16),
    at timestamp(6), day timestamp, proven text check (char_length(proven) <= 40),
    proven_too varchar(90) check (length(proven_too) < 21), cut text, part numeric(6, 2), "Odd" text
);
insert into notes (id, price, count, short, "Odd") values (1, 1, 1, 'a', 'b');
create table shop.events (id bigint not null, kind varchar(50)) partition by list (kind);
create table shop.events_a partition of shop.events for values in ('a');
insert into shop.events values (1, 'a');
"""
NARROWER = {
    "short type varchar(20)": "length(short::text) > 20",
    "long type varchar(20)": "length(long::text) > 20",
    "code type char(5)": "length(code::text) > 5",
    "tags type varchar(20)[]": "exists (select from unnest(tags) value where length(value::text) > 20)",
    "price type numeric(8, 2)": "abs(round(price::numeric, 2)) >= 1e6",
    "rate type numeric(8, 2)": "abs(round(rate::numeric, 2)) >= 1e6",
    "size type int": "size not between -2147483648 and 2147483647",
    "count type int using count::int": "count not between -2147483648 and 2147483647",
    "small type varchar(5)": "length(small::text) > 5",
    "flags type bit varying(8)": "length(flags) > 8",
    '"Odd" type varchar(20)': 'length("Odd"::text) > 20',
}
NOT_NARROWER = (
    "short type varchar(60)", "long type varchar", "code type text", "tags type text[]", "price type numeric(14, 2)",
    "rate type double precision", "count type numeric(19, 0)", "small type bigint", "flags type bit varying(32)",
    "at type timestamp(3)", "day type date", "proven type varchar(40)", "proven_too type varchar(20)",
    "cut type varchar(9) using left(cut, 9)", "part type int", '"Odd" type varchar(9) using "Odd"::varchar(9)',
)  # fmt: skip


def review(server: databases.Shadow, up: str) -> list[Finding]:
    """Review one migration; return what it says of values that do not convert."""
    base = Migration("001", "init", Source("sql/001_init.up.sql", SETUP), None)
    new = Migration("002", "new", Source("sql/002_new.up.sql", up), Source("sql/002_new.down.sql", "select 1;\n"))
    result = pipeline.review_on(server, Subjects("main", (base,), (new,)), pipeline.Settings(Path()))
    return [each for each in result.migrations[0].findings if each.rule.name == "fails-on-data"]


def altered(actions: tuple[str, ...]) -> str:
    return f"alter table notes {', '.join(f'alter column {each}' for each in actions)};\n"


def test_a_narrower_type_is_a_warning_with_the_query(server: databases.Shadow) -> None:
    """All rows fit; each column has its query, and they are one finding."""
    found = review(server, altered(tuple(NARROWER)))

    assert [each.severity for each in found] == ["warning"]
    head, *queries = found[0].what_now.split("\n")
    assert head == "ask production whether it has such rows:"
    assert sorted(queries) == sorted(f"select count(*) from notes where {each};" for each in NARROWER.values())


def test_one_column_is_named(server: databases.Shadow) -> None:
    """The message says which column, and which type the values have to fit into."""
    (found,) = review(server, "do $$ begin execute 'alter table notes alter short type varchar(20)'; end $$;\n")

    assert (
        found.message
        == "`notes.short` is narrower now: it fails on a value that does not fit into character varying(20)"
    )


def test_other_types_are_silent(server: databases.Shadow) -> None:
    """A wider type, fewer decimals, a text that a CHECK keeps short or an expression cuts off: nothing fails."""
    assert review(server, altered(NOT_NARROWER)) == []


def test_partitions_are_told_with_their_table(server: databases.Shadow) -> None:
    """The query of the partitioned table asks for the rows of all its partitions."""
    (found,) = review(server, "alter table shop.events alter column id type int;\n")

    assert found.what_now.split("\n")[1:] == [
        "select count(*) from shop.events where id not between -2147483648 and 2147483647;"
    ]
    assert (found.about, found.objects) == ("shop.events", ())


def test_a_new_column_has_no_values_of_production(server: databases.Shadow) -> None:
    """What this pull request has created can be changed."""
    assert (
        review(server, "alter table notes add column c text;\nalter table notes alter column c type varchar(9);\n")
        == []
    )
