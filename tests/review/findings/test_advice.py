"""What a finding advises in its own case: an example is shown where it fits, and following it gives no new finding."""

from __future__ import annotations

from pathlib import Path

import pytest

from sqlmigrate.files.migration import Migration
from sqlmigrate.review import pipeline
from sqlmigrate.review.formats import wording
from sqlmigrate.review.new.subjects import Subjects
from sqlmigrate.review.results import Reviewed
from sqlmigrate.review.rules.rule import Finding
from sqlmigrate.shadow import databases
from sqlmigrate.source import Source

SETUP = """\
create table orders (id bigint primary key, total integer not null, state text, customer bigint);
create table customers (id bigint primary key);
create domain share as integer;
create table parts (share share);
insert into orders select n, n, 'open', 1 from generate_series(1, 200) n;
insert into customers values (1);
alter table orders add constraint total_positive check (total > 0) not valid;
alter table orders add constraint known_customer foreign key (customer) references customers not valid;
alter domain share add constraint share_positive check (value > 0) not valid;
"""
BATCHES = """\
-- sqlmigrate: no-transaction
do $$
begin
    for step in 0 .. 9 loop
        update orders set total = total + 1 where id between step * 20 + 1 and step * 20 + 20;
        commit;
    end loop;
end
$$"""


def _migration(version: str, up: str, down: str) -> Migration:
    files = [Source(f"sql/{version}_a.{way}.sql", f"{text};\n") for way, text in (("up", up), ("down", down))]
    return Migration(version, "a", files[0], files[1])


def _reviewed(server: databases.Shadow, up: str, down: str) -> Reviewed:
    subjects = Subjects("main", (_migration("001", SETUP, "select 1"),), (_migration("002", up, down),))
    (each,) = pipeline.review_on(server, subjects, pipeline.Settings(Path(), limit=5.0)).migrations
    return each


def _finding(server: databases.Shadow, rule: str, up: str, down: str) -> Finding:
    (found,) = [each for each in _reviewed(server, up, down).findings if each.rule.name == rule]
    return found


@pytest.mark.parametrize(
    "statement",
    [
        "alter table orders validate constraint total_positive",
        "alter table orders validate constraint known_customer",
        "alter domain share validate constraint share_positive",
    ],
)
def test_a_constraint_may_stay_validated(server: databases.Shadow, statement: str) -> None:
    """There is no statement that undoes it, and nothing is lost: it is not a finding, but the report says it."""
    each = _reviewed(server, statement, "select 1")

    assert "down-incomplete" not in [found.rule.name for found in each.findings]
    name = statement.rpartition(" ")[2]
    assert wording.down_words(each) == f"restores everything; `{name}` stays validated"


def test_a_constraint_that_differs_in_more_is_told(server: databases.Shadow) -> None:
    """A constraint that is validated and has another condition is not the same one."""
    change = "alter table orders drop constraint total_positive, add constraint total_positive check (total > -1)"
    found = _finding(server, "down-incomplete", change, "select 1")

    assert found.what_now == "in the down file, change it back to what it was before the up file"
    assert found.example(18) == ""


def test_what_is_left_behind_has_the_example_that_drops(server: databases.Shadow) -> None:
    """The example of the rule drops what the up file creates: it fits."""
    found = _finding(server, "down-incomplete", "create table left_over ()", "select 1")

    assert (found.what_now, found.example(18)) == ("", found.rule.example(18))


def test_what_is_missing_has_no_example_that_drops_more(server: databases.Shadow) -> None:
    """It says that the down file has to create it again."""
    found = _finding(server, "down-incomplete", "alter table orders drop column state", "select 1")

    assert found.what_now == (
        "in the down file, create what the up file drops, and drop nothing that the up file does not create"
    )
    assert found.example(18) == ""


def test_a_down_file_that_builds_an_index_has_the_example_of_one(server: databases.Shadow) -> None:
    """The example builds it without blocking."""
    setup = "-- sqlmigrate: allow create-index-blocking (a test)\ncreate index by_total on orders (total)"
    down = "drop index by_total; create index by_total on orders (total, id); drop index by_total"
    found = _finding(server, "down-blocks", setup, down)

    assert found.what_now == ""
    assert "create index concurrently" in found.example(18)


def test_a_down_file_that_rewrites_leads_to_the_rule_about_that(server: databases.Shadow) -> None:
    """An example about an index would not help with a type."""
    up, down = (f"alter table orders alter column total type {name}" for name in ("bigint", "integer"))
    found = _finding(server, "down-blocks", up, down)

    assert found.what_now == (
        "if the release may be rolled back while it blocks, allow it; if not: sqlmigrate explain type-change-rewrite"
    )
    assert found.example(18) == ""


def test_batches_are_not_advised_to_be_an_index(server: databases.Shadow) -> None:
    """A block that writes in batches has no other form: it is to be allowed, with its size."""
    found = _finding(server, "commits-inside", BATCHES, "update orders set total = total - 1")

    assert found.what_now == "batches that commit cannot be measured: allow it, with the size of a batch as the reason"
    assert found.example(18) == ""


def test_the_example_of_batches_has_no_finding(server: databases.Shadow) -> None:
    """Whoever follows the example of bulk-dml gets no warning for it."""
    allowed = f"-- sqlmigrate: allow commits-inside (batches of 20 rows)\n{BATCHES}"
    each = _reviewed(server, allowed, "update orders set total = total - 1")

    assert [(found.rule.name, found.allowed) for found in each.findings] == [("commits-inside", "batches of 20 rows")]


@pytest.mark.parametrize("way", ["up", "down"])
def test_a_template_is_told_as_up_tells_it(server: databases.Shadow, way: str) -> None:
    """A file that `create` wrote, without a statement, is a danger: `up` refuses it."""
    template = "-- Undo the statements of the up file in reverse order.\n--"
    texts = {"up": "select 1", "down": "select 1", way: template}
    each = _reviewed(server, texts["up"], texts["down"])

    assert [(found.rule.name, found.severity, found.path, found.message) for found in each.findings] == [
        (
            "statement-fails",
            "danger",
            f"sql/002_a.{way}.sql",
            f"sql/002_a.{way}.sql contains no SQL yet, only the template",
        )
    ]


def test_an_index_for_a_key_of_a_new_table_is_in_the_same_file(server: databases.Shadow) -> None:
    """No one waits for it there; for a table that is in use, it is built in a file of its own."""
    up = (
        "-- sqlmigrate: allow two-exclusive-tables (a test)\n"
        "create table parcels (id int primary key, order_id bigint references orders);\n"
        "alter table orders add constraint of_customer foreign key (customer) references customers not valid"
    )
    found = _finding(
        server, "fk-without-index", up, "alter table orders drop constraint of_customer;\ndrop table parcels"
    )

    assert (
        found.instead
        == """\
-- 002_a.up.sql
-- sqlmigrate: allow two-exclusive-tables (a test)
create table parcels (id int primary key, order_id bigint references orders);
create index parcels_order_id_index on parcels (order_id);
alter table orders add constraint of_customer foreign key (customer) references customers not valid;
-- 003_build_orders_customer_index.up.sql
create index concurrently orders_customer_index on orders (customer);
-- 003_build_orders_customer_index.down.sql
drop index concurrently orders_customer_index;
"""
    )


def test_an_index_that_the_next_statement_needs_stays_in_its_file(server: databases.Shadow) -> None:
    """What a failed build has left is dropped right before it."""
    up = (
        "-- sqlmigrate: no-transaction\n"
        "create unique index concurrently if not exists orders_key on orders (id, state);\n"
        "alter table orders add constraint orders_key unique using index orders_key"
    )
    found = _finding(server, "invalid-index-left", up, "alter table orders drop constraint orders_key")

    assert (
        found.instead
        == """\
-- 002_a.up.sql
-- sqlmigrate: no-transaction
drop index concurrently if exists orders_key;
create unique index concurrently orders_key on orders (id, state);
alter table orders add constraint orders_key unique using index orders_key;
"""
    )


def test_a_later_file_that_needs_what_is_moved_is_named(server: databases.Shadow) -> None:
    """Its version is lower than that of the file which has it now."""
    up = "alter table orders add column note text;\nalter table customers add column note text, add column city text"
    later = "create view cities as select city from customers"
    subjects = Subjects(
        "main",
        (_migration("001", SETUP, "select 1"),),
        (_migration("002", up, "select 1"), _migration("003", later, "drop view cities")),
    )
    first = pipeline.review_on(server, subjects, pipeline.Settings(Path(), limit=5.0)).migrations[0]
    (found,) = [each for each in first.findings if each.rule.name == "two-exclusive-tables"]

    assert found.instead.startswith(
        "-- give 003_a a higher version than these files: what they create is used there\n-- 002_a.up.sql\n"
    )
