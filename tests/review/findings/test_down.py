"""The way back: which differences matter after up and down, and how much; what a pull request has made itself."""

from __future__ import annotations

from pathlib import Path

import pytest

from sqlmigrate.files.migration import Migration
from sqlmigrate.review import pipeline
from sqlmigrate.review.findings.down_missing import tell_once
from sqlmigrate.review.formats import wording
from sqlmigrate.review.new.subjects import Subjects
from sqlmigrate.review.results import Review
from sqlmigrate.review.rules.down import DOWN_BLOCKS
from sqlmigrate.review.rules.rule import Finding
from sqlmigrate.shadow import databases
from sqlmigrate.source import Source

DOWN_RULES = wording._DOWN_RULES
SETUP = """\
create schema shop;
create type state as enum ('open', 'paid');
create table shop."Customer" (id bigint primary key, name text);
create table orders (id bigint primary key, customer_id bigint constraint of_customer references shop."Customer",
    total int constraint positive check (total >= 0), state state, note text);
create index orders_customer_id on orders (customer_id);
create table events (id int, at int) partition by range (at);
create table events_1 partition of events for values from (0) to (1000);
create table events_2 partition of events for values from (1000) to (9000);
create function one() returns int language sql as 'select 1';
create domain amount as int constraint at_least_zero check (value >= 0);
grant select on orders to reporting;
insert into shop."Customer" select i, 'n' || i from generate_series(1, 200) i;
insert into orders select i, i, i, 'open' from generate_series(1, 200) i;
insert into events select i, i from generate_series(1, 2000) i;
"""


def migration(number: int, up: str, down: str | None) -> Migration:
    back = None if down is None else Source(f"sql/{number:03}_case.down.sql", down)
    return Migration(f"{number:03}", "case", Source(f"sql/{number:03}_case.up.sql", up), back)


def reviewed(server: databases.Shadow, *pairs: tuple[str, str | None]) -> Review:
    """Review files of one pull request, each an up and a down file, on the tables of the setup."""
    new = tuple(migration(number, *pair) for number, pair in enumerate(pairs, start=2))
    subjects = Subjects("main", (migration(1, SETUP, "select 1"),), new)
    return pipeline.review_on(server, subjects, pipeline.Settings(Path(), limit=2.0))


def told(review: Review) -> list[tuple[str, str, str]]:
    """Return rule, severity and message of each finding of the way back."""
    return [
        (each.rule.name, each.severity, each.message)
        for reviewed in review.migrations
        for each in reviewed.findings
        if each.rule.name in DOWN_RULES
    ]


FINE = {
    "a foreign key comes back NOT VALID": (
        "alter table orders drop constraint of_customer",
        'alter table orders add constraint of_customer foreign key (customer_id) references shop."Customer" not valid',
    ),
    "a check comes back NOT VALID": (
        "alter table orders drop constraint positive",
        "alter table orders add constraint positive check (total >= 0) not valid",
    ),
    "a constraint of a domain comes back NOT VALID": (
        "alter domain amount drop constraint at_least_zero",
        "alter domain amount add constraint at_least_zero check (value >= 0) not valid",
    ),
    "a constraint comes back in a DO block": (
        "do $$ begin alter table orders drop constraint positive; end $$",
        "do $$ begin alter table orders add constraint positive check (total >= 0) not valid; end $$",
    ),
}


@pytest.mark.parametrize("name", FINE)
def test_a_constraint_that_comes_back_not_valid_is_restored(name: str, server: databases.Shadow) -> None:
    """It holds for new rows, and no row is read under a lock: there is nothing to find. The head of the file tells."""
    review = reviewed(server, FINE[name])

    assert told(review) == []
    assert wording.down_words(review.migrations[0]).endswith(" is NOT VALID")


def test_another_constraint_is_not_restored_by_not_valid(server: databases.Shadow) -> None:
    """A condition that differs is a difference."""
    up, _ = FINE["a check comes back NOT VALID"]
    review = reviewed(server, (up, "alter table orders add constraint positive check (total > 5) not valid"))

    ((rule, severity, _),) = told(review)
    assert (rule, severity) == ("down-incomplete", "danger")


STAYS = "after down `state` still has the label 'late': PostgreSQL cannot remove a label of an enum"


@pytest.mark.parametrize("down", ["-- the label may stay\nselect 1", "do $$ begin end $$", "select 'it stays'"])
def test_a_label_that_stays_is_a_note(down: str, server: databases.Shadow) -> None:
    """No down file could remove it. IF NOT EXISTS lets up be executed again."""
    review = reviewed(server, ("alter type state add value if not exists 'late' before 'paid'", down))

    assert told(review) == [("down-incomplete", "note", f"{STAYS}; up can be executed again")]
    assert wording.down_words(review.migrations[0]) == "restores everything; `state` keeps its new label"
    assert not pipeline.has_failed(review, "warning")


def test_a_label_that_is_in_the_way_of_a_second_up_is_a_warning(server: databases.Shadow) -> None:
    """Without IF NOT EXISTS up fails when it is executed again: that is not said twice."""
    review = reviewed(server, ("alter type state add value 'late'", "select 1"))

    assert told(review) == [("down-incomplete", "warning", f"{STAYS}; up fails when it is executed again")]
    assert review.migrations[0].findings[0].what_now == "in the up file, write: add value if not exists"


def test_a_label_with_a_quote_is_recognised_too(server: databases.Shadow) -> None:
    """The message of the server has it without the quotes of SQL."""
    ((_, severity, message),) = told(reviewed(server, ("alter type state add value 'isn''t'", "select 1")))

    assert (severity, message.rpartition("; ")[2]) == ("warning", "up fails when it is executed again")


def test_a_label_does_not_hide_what_else_is_left(server: databases.Shadow) -> None:
    """The column that stays is a danger of its own."""
    up = "alter type state add value if not exists 'late'; alter table orders add column phone text"
    found = told(reviewed(server, (up, "select 1")))

    assert [(rule, severity) for rule, severity, _ in found] == [
        ("down-incomplete", "danger"),
        ("down-incomplete", "note"),
    ]
    assert found[0][2] == "after up and down column `orders.phone` is left behind"


def test_a_label_in_another_order_is_a_danger(server: databases.Shadow) -> None:
    """The order of labels is the order of values."""
    change = (
        "alter type state rename to old; create type state as enum ({});"
        "alter table orders alter column state type state using state::text::state; drop type old"
    )
    found = told(reviewed(server, (change.format("'open', 'paid', 'late'"), change.format("'paid', 'open'"))))

    assert ("down-incomplete", "danger") in [(rule, severity) for rule, severity, _ in found]


JUDGED = {
    "comment on table orders is 'all orders'": "note",
    "alter table orders alter column total set statistics 500": "note",
    "alter table orders set (fillfactor = 70)": "note",
    "alter table orders alter column note set storage external": "note",
    "grant insert on orders to reporting": "warning",
    "revoke select on orders from reporting": "danger",
    "create or replace function two() returns int language sql as 'select 2'": "warning",
    "create schema if not exists archive": "warning",
    "create index if not exists by_note on orders (note)": "warning",
    "create unique index if not exists by_id on orders (id)": "danger",
    "create table if not exists backup (id int)": "danger",
    "create type pair as (a int, b int)": "danger",
    "alter table orders alter column total set default 0": "danger",
    "create or replace function one() returns int language sql as 'select 11'": "danger",
    "drop function one()": "danger",
    "create statistics if not exists s on total, customer_id from orders": "warning",
}


@pytest.mark.parametrize("up", JUDGED)
@pytest.mark.sampled(2)
def test_a_difference_is_as_bad_as_what_depends_on_it(up: str, server: databases.Shadow) -> None:
    """What only plans and readers notice is a note. What is unused, and not in the way of a second up, is a warning."""
    found = told(reviewed(server, (up, "select 1")))

    assert [(rule, severity) for rule, severity, _ in found] == [("down-incomplete", JUDGED[up])]


def test_the_gravest_difference_is_named_first(server: databases.Shadow) -> None:
    """The finding is as grave as it."""
    up = "comment on table orders is 'all orders'; alter table orders alter column total set default 0"
    ((_, severity, message),) = told(reviewed(server, (up, "select 1")))

    assert severity == "danger"
    assert message == (
        "after up and down column `orders.total` (default: none, now 0), "
        "table `orders` (comment: none, now all orders) are different"
    )


def test_partitions_are_not_named_with_their_table(server: databases.Shadow) -> None:
    """What differs in the table differs in each partition."""
    up = "alter table events alter column at set not null"

    assert told(reviewed(server, (up, "select 1"))) == [
        ("down-incomplete", "danger", "after up and down column `events.at` (not null: none, now true) is different")
    ]


@pytest.mark.parametrize(("word", "severity"), [("-- one less", "note"), ("/* one */\n", "note"), ("+ 1", "danger")])
def test_a_comment_in_a_body_is_a_note(word: str, severity: str, server: databases.Shadow) -> None:
    """The function does the same; the report still says that its text differs."""
    body = "create or replace function two() returns int language plpgsql as $$\nbegin\n  return 2 {};\nend $$"
    merged = (body.format("-- two\n"), "select 1")
    reviews = reviewed(server, merged, (body.format("* 1"), body.format(word if word == "+ 1" else f"{word}\n")))
    found = [each for each in told(reviews) if each[0] == "down-incomplete" and "different" in each[2]]

    assert found == [
        ("down-incomplete", severity, "after up and down function `two()` (definition) is different"),
    ]


def test_another_order_of_columns_is_a_note(server: databases.Shadow) -> None:
    """Also after the second up, and only once."""
    up = "-- sqlmigrate: allow drop-column (a test)\nalter table orders drop column total"
    down = "alter table orders add column total int, add constraint positive check (total >= 0) not valid"
    found = [each for each in told(reviewed(server, (up, down))) if each[0] != "data-not-restored"]

    assert found == [("down-column-order", "note", "the columns of `orders` are in a different order after down")]


def test_another_order_of_the_columns_of_a_view_is_a_note(server: databases.Shadow) -> None:
    """A view of all columns has them in the new order of its table; another condition is more than that."""
    view = "create view all_orders as select * from orders"
    setup = f"{view};\nalter table orders drop constraint positive;\n"
    up = (
        "-- sqlmigrate: allow drop-column (a test)\n-- sqlmigrate: allow drop-view (a test)\n"
        "drop view all_orders;\nalter table orders drop column total"
    )
    down = "alter table orders add column total int;\n"
    found = [told(reviewed(server, (setup, None), (up, f"{down}{view}{more}"))) for more in ("", " where id > 7")]

    assert [each for each in found[0] if each[0] == "down-column-order"] == [
        ("down-column-order", "note", "the columns of `all_orders` and `orders` are in a different order after down")
    ]
    assert [each for each in found[1] if each[0] == "down-incomplete"] == [
        ("down-incomplete", "danger", "after up and down view `all_orders` (view) is different")
    ]


def test_an_order_that_differs_after_the_second_up_only_is_a_note(server: databases.Shadow) -> None:
    """The schema is the same after down, and has another order after the second up: no danger, no empty sentence."""
    up = (
        "do $$ begin if to_regclass('been_here') is null then alter table orders add column a int, add column b int;"
        " create sequence been_here; else alter table orders add column b int, add column a int; end if; end $$"
    )
    found = told(reviewed(server, (up, "alter table orders drop column a, drop column b")))

    assert ("reapply-fails", "danger") not in [(rule, severity) for rule, severity, _ in found]


ADDED = ("alter table orders add column doubled int", "alter table orders drop column doubled")


def test_values_of_a_new_column_are_no_lost_data(server: databases.Shadow) -> None:
    """Another file of the same pull request adds the column; its values may stay, or change again."""
    fill = ("update orders set doubled = 2 * total", "select 'the values may stay'")
    again = ("update orders set doubled = 3 * total", "update orders set doubled = 0")

    assert told(reviewed(server, ADDED, fill, again)) == []


def test_values_of_a_dropped_column_are_told_where_it_is_dropped(server: databases.Shadow) -> None:
    """The way back cannot have them: that is no second danger. What else it changes is one."""
    drop = "-- sqlmigrate: allow drop-column (a test)\nalter table orders drop column state"
    add = "alter table orders add column state state"
    found = [told(reviewed(server, (drop, down))) for down in (add, f"{add}; update orders set total = 7")]

    told_of_rows = [[each for each in one if each[0] == "data-not-restored"] for one in found]
    assert told_of_rows == [
        [("data-not-restored", "note", "down adds `orders.state` again, but not the old values")],
        [("data-not-restored", "danger", "the 200 rows of `orders` are different after up and down")],
    ]


def test_rows_of_a_table_that_was_replaced_are_told(server: databases.Shadow) -> None:
    """Its columns are gone with it, and those of the new table have the same names."""
    up = (
        "create table orders_new (like orders including all);\n"
        "insert into orders_new select id, customer_id, total + 1, state, note from orders;\n"
        "drop table orders;\nalter table orders_new rename to orders"
    )
    found = [each for each in told(reviewed(server, (up, "select 1"))) if each[0] == "data-not-restored"]

    assert found == [("data-not-restored", "danger", "the 200 rows of `orders` are different after up and down")]


@pytest.mark.parametrize(
    ("up", "severity"),
    [
        ("update orders set note = '' where note is null", "note"),
        ("update orders set note = 'x' where note is null and id < 900;\nalter table orders alter note set not null",
         "note"),
        ("update orders set note = '' where note is null or id > 7", "danger"),
        ("update orders set note = '', total = 7 where note is null", "danger"),
        ("update orders set note = '' where note is null; update orders set total = 7", "danger"),
    ],
)  # fmt: skip
def test_a_null_that_is_filled_is_no_lost_data(up: str, severity: str, server: databases.Shadow) -> None:
    """If nothing else changes the rows of the table; NOT NULL is a matter of the schema."""
    found = [each for each in told(reviewed(server, (up, "select 1"))) if each[0] == "data-not-restored"]
    filled = "rows where `orders.note` was NULL have a value after up and down"
    changed = "the 200 rows of `orders` are different after up and down"
    assert found == [("data-not-restored", severity, filled if severity == "note" else changed)]


def test_old_values_are_still_data(server: databases.Shadow) -> None:
    """A file that also changes a column of the base loses its values."""
    fill = ("update orders set doubled = 2 * total, note = 'x'", "select 1")
    review = reviewed(server, ADDED, fill)

    assert told(review) == [("data-not-restored", "danger", "the 200 rows of `orders` are different after up and down")]
    assert wording.down_words(review.migrations[1]) == "changes rows of `orders`"


def test_a_renamed_column_is_still_an_old_one(server: databases.Shadow) -> None:
    """It is the same column, whatever an earlier new file calls it."""
    renamed = ("alter table orders rename column note to remark", "alter table orders rename column remark to note")
    fill = ("update orders set remark = 'x'", "select 1")

    assert [rule for rule, _, _ in told(reviewed(server, renamed, fill))] == ["data-not-restored"]


def test_rows_of_a_new_table_are_no_lost_data(server: databases.Shadow) -> None:
    """The table is of the same pull request."""
    made = ("create table kinds (kind text primary key); insert into kinds values ('a'), ('b')", "drop table kinds")
    less = ("delete from kinds where kind = 'b'", "select 'it may stay away'")
    review = reviewed(server, made, less)

    assert told(review) == []
    assert wording.down_words(review.migrations[1]) == "restores everything"


LABELS = ("create table labels (id bigint generated always as identity, label text unique)", "drop table labels")
TWICE = "`labels` has 3 rows after up, and 6 after up, down and up again"


@pytest.mark.parametrize(
    ("insert", "down", "found"),
    [
        ("insert into labels (label) select null from generate_series(1, 3)", "select 1", [TWICE]),
        (
            "insert into labels (label) select 'l' || n from generate_series(1, 3) n on conflict do nothing",
            "select 1",
            [],
        ),
        ("insert into labels (label) select 'l' || n from generate_series(1, 3) n", "delete from labels", []),
    ],
    ids=["again", "not again", "deleted"],
)
def test_rows_that_a_second_up_inserts_again_are_told(
    insert: str, down: str, found: list[str], server: databases.Shadow
) -> None:
    """Also if an earlier new migration made their table; a file that does not write it has no part in that."""
    block = "-- sqlmigrate: no-transaction\ndo $$ begin update orders set note = 'x'; commit; end $$"
    result = reviewed(server, LABELS, (insert, down), (block, "select 1"))

    assert [
        message for rule, _, message in told(result) if rule == "data-not-restored" and "labels" in message
    ] == found
    assert [wording.rows_changed(each.trip) for each in result.migrations if each.trip] == [
        [], [("public.labels", "changes")] if found else [], [("public.orders", "changes")]
    ]  # fmt: skip


def test_a_down_file_of_comments_is_a_note(server: databases.Shadow) -> None:
    """Nothing differs after it, but the command `down` refuses it."""
    review = reviewed(server, ("comment on column orders.id is null", "-- nothing to undo\n"))

    assert told(review) == [("down-missing", "note", "sql/002_case.down.sql contains no SQL, so `down` refuses it")]
    assert review.migrations[0].findings[0].what_now.startswith("write the SQL that undoes it, or `select 1;`")


def test_a_down_file_that_blocks_is_a_warning(server: databases.Shadow) -> None:
    """A way back is rarely gone. NOT VALID is the advice for a constraint."""
    up, _ = FINE["a check comes back NOT VALID"]
    review = reviewed(server, (up, "alter table orders add constraint positive check (total >= 0)"))

    assert told(review) == [
        (
            "down-blocks",
            "warning",
            f"the down file blocks production (constraint-without-not-valid): {SCANNED}",
        )
    ]
    (what_now,) = (each.what_now for each in review.migrations[0].findings if each.rule is DOWN_BLOCKS)
    assert (
        what_now == "in the down file, add the constraint NOT VALID: it holds for new rows, and the table is not read"
    )


SCANNED = "`orders` is scanned under ACCESS EXCLUSIVE"


# down files that are missing


def missing(merged: int, with_down: int, *new: str) -> tuple[list[Finding], list[Finding]]:
    """Return the findings of the review, and those of the new files without a down file."""
    base = [
        migration(number, "select 1", "select 1" if number <= with_down else None) for number in range(1, merged + 1)
    ]
    files = tuple(migration(number, up, None) for number, up in enumerate(new, start=merged + 1))
    settings = pipeline.Settings(Path(), is_static=True)
    review = pipeline.review(Subjects("main", tuple(base), files), settings)
    return [*review.findings], [each for one in review.migrations for each in one.findings]


def test_a_project_without_down_files_hears_it_once() -> None:
    """One note for the whole review."""
    (note,), of_files = missing(284, 0, "select 1", "select 2", "select 3")

    assert (note.rule.name, note.severity, of_files) == ("down-missing", "note", [])
    assert note.message == "3 new migrations without a down file; 284 of 284 merged migrations have none"
    assert note.objects == ("285_case", "286_case", "287_case")


def test_most_merged_migrations_decide() -> None:
    """A project that usually has down files hears it of each file."""
    assert [each.severity for each in missing(10, 6, "select 1", "select 2")[1]] == ["warning", "warning"]
    assert missing(10, 4, "select 1", "select 2")[1] == []
    assert len(missing(1, 0, "select 1")[1]) == 1, "one merged migration shows no habit"
    assert missing(1, 0, "select 1", "select 2")[1] == [], "three without a down file do"


def test_irreversible_migrations_hear_nothing() -> None:
    """They say why, also where they are merged; what a file allows stays allowed."""
    assert missing(284, 0, "-- sqlmigrate: irreversible (no way back)\nselect 1") == ([], [])
    (allowed,) = missing(284, 0, "-- sqlmigrate: allow down-missing (later)\nselect 1")[1]
    assert allowed.allowed == "later"

    said = Migration("001", "a", Source("sql/001_a.up.sql", "-- sqlmigrate: irreversible (x)\nselect 1"), None)
    assert tell_once([], [said] * 9) == ((), ())
