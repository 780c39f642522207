"""Which rule tells of what was done: it is chosen by what the statement changed, not by what its file changes."""

from __future__ import annotations

from pathlib import Path

from sqlmigrate.files.migration import Migration
from sqlmigrate.review import pipeline
from sqlmigrate.review.new.subjects import Subjects
from sqlmigrate.shadow import databases
from sqlmigrate.source import Source

SETUP = """\
create table shops (id bigint primary key, name text);
create table orders (id bigint primary key, opened_at timestamp not null default now());
create table visits (id bigint, on_day int) partition by range (on_day);
create table visits_1 partition of visits for values from (0) to (1000);
create table visits_2 partition of visits for values from (1000) to (9000);
insert into shops select i, 'n' || i from generate_series(1, 200) i;
insert into orders select i from generate_series(1, 200) i;
insert into visits select i, i from generate_series(1, 2000) i;
"""


def told(server: databases.Shadow, up: str, setup: str = SETUP) -> list[tuple[str, str, str]]:
    """Return rule, severity and message of each finding of an up file that is irreversible."""
    merged = Migration("001", "case", Source("sql/001_case.up.sql", setup), None)
    source = Source("sql/002_case.up.sql", f"-- sqlmigrate: irreversible (a test)\n{up}")
    subjects = Subjects("main", (merged,), (Migration("002", "case", source, None),))
    result = pipeline.review_on(server, subjects, pipeline.Settings(Path(), limit=5.0))
    return [(each.rule.name, each.severity, each.message) for one in result.migrations for each in one.findings]


def test_a_block_that_only_reads_adds_no_foreign_key(server: databases.Shadow) -> None:
    """The foreign key of the new table is added without a scan; the block reads under its lock."""
    up = """\
create table shop_days (shop bigint not null references shops, on_day int, primary key (shop, on_day));
do $$
begin
    for day in 1..2 loop
        insert into shop_days select id, day from shops;
    end loop;
end $$;
"""

    assert told(server, up) == [
        (
            "work-under-lock",
            "danger",
            "`shops` is scanned under SHARE ROW EXCLUSIVE, which an earlier statement took",
        )
    ]


def test_a_block_that_adds_a_foreign_key_is_told_as_one(server: databases.Shadow) -> None:
    """Its text need not say so: it may call a function."""
    up = """\
create table shop_days (shop bigint, on_day int);
insert into shop_days select id, 1 from shops;
do $$ begin alter table shop_days add constraint of_shop foreign key (shop) references shops; end $$;
create index on shop_days (shop);
"""

    assert [rule for rule, _, _ in told(server, up)] == ["foreign-key-without-not-valid"]


def test_an_index_on_a_partitioned_table_that_is_new_is_not_told_to_exist(server: databases.Shadow) -> None:
    """The partitioned table itself has no rows, so nothing is built on it."""
    assert [rule for rule, _, _ in told(server, "create index if not exists visits_id on visits (id)")] == [
        "partitioned-index-blocking"
    ]


def test_an_index_on_a_partitioned_table_that_exists_is_told(server: databases.Shadow) -> None:
    """Then the table is locked for nothing."""
    setup = f"{SETUP}create index visits_id on visits (id);\n"
    found = told(server, "create index if not exists visits_id on visits (id)", setup)

    assert [rule for rule, _, _ in found] == ["create-index-if-not-exists-locks"]


def test_a_sequence_behind_a_column_that_is_not_unique_makes_no_insert_fail(server: databases.Shadow) -> None:
    """New rows get numbers that older ones have: that may matter."""
    up = """\
create sequence shop_rank;
alter table shops alter column rank set default nextval('shop_rank');
"""
    setup = f"{SETUP}alter table shops add column rank bigint;\nupdate shops set rank = id;\n"
    behind = "the largest value of `shops.rank` is 200, but its sequence `shop_rank` is at 0"

    assert told(server, up, setup) == [
        ("sequence-behind-data", "warning", f"{behind}: new rows get values that older rows have already")
    ]
    assert told(server, up, f"{setup}create unique index shops_rank on shops (rank);\n") == [
        ("sequence-behind-data", "danger", f"{behind}: an INSERT fails when the sequence returns an existing value")
    ]


def test_rows_of_partitions_are_named_by_their_table(server: databases.Shadow) -> None:
    """An earlier statement has taken the lock of the table, so that the later one takes only those of partitions."""
    up = """\
alter table visits add column shop bigint;
do $$ begin update visits set shop = id; end $$;
"""

    assert "hidden-writes" not in [rule for rule, _, _ in told(server, up)]


def test_a_setting_of_the_application_may_be_in_production(server: databases.Shadow) -> None:
    """The server of the review does not have it. What was done before the failure is told without a share of rows."""
    up = "update shops set name = 'x';\nselect current_setting('shop.currency');\n"

    assert told(server, up) == [
        ("bulk-dml", "warning", "200 rows of `shops` are written in one transaction"),
        ("statement-fails", "warning", 'unrecognized configuration parameter "shop.currency"'),
    ]


def test_a_setting_of_the_server_that_does_not_exist_fails(server: databases.Shadow) -> None:
    """It has no dot in its name."""
    found = told(server, "select current_setting('no_such_setting');\n")

    assert [(rule, severity) for rule, severity, _ in found] == [("statement-fails", "danger")]


def test_a_check_that_takes_the_place_of_one_refuses_nothing_new(server: databases.Shadow) -> None:
    """An INSERT that leaves both columns out failed before; a CHECK of other columns is told."""
    setup = f"{SETUP}alter table shops add mail text, add phone text;\nupdate shops set mail = 'm';\n"
    setup += "alter table shops add constraint reachable check (num_nonnulls(mail, phone) = 1);\n"
    up = "alter table shops drop constraint reachable;\n"
    up += "alter table shops add constraint reachable check (num_nonnulls(mail, phone) {}) not valid;\n"
    gone = "alter table shops drop column phone;\nalter table shops add fax text,"
    gone += " add constraint reachable check (num_nonnulls(mail, fax) = 1) not valid;\n"
    found = [told(server, up.format(">= 1"), setup), told(server, up.format(">= 1"), setup.replace("= 1);", "<= 1);"))]
    found.append(told(server, gone, setup))

    assert [[rule for rule, _, _ in one if rule == "new-not-null-without-default"] for one in found] == [
        [],
        ["new-not-null-without-default"],
        [],
    ]


FIXED = "are fixed to the time of the migration: 'now' is evaluated once, when the file is executed"
RECENT = "create view recent as select id from orders where opened_at > 'now'::timestamp - interval '1 week'"


def test_now_as_a_text_is_a_constant(server: databases.Shadow) -> None:
    """Views and defaults keep it; several are one finding."""
    up = f"{RECENT};\nalter table orders alter column opened_at set default 'NOW';\n"

    assert told(server, up) == [
        ("frozen-time", "warning", f"the view `recent` and the default of `orders.opened_at` {FIXED}")
    ]


def test_now_as_a_text_that_is_read_later_is_no_constant(server: databases.Shadow) -> None:
    """So is a date that the file writes itself, and a bound of a partition."""
    up = """\
create view recent as select id from orders where opened_at > ('now'::text)::timestamp - interval '1 week';
create view early as select id, 'now' as word from orders where opened_at < '2020-02-03 00:00:00';
alter table orders add column seen_at timestamp not null default now();
create table days (id bigint, on_day date) partition by range (on_day);
create table days_1 partition of days for values from ('today') to ('tomorrow');
"""

    assert told(server, up) == []


def test_a_view_that_was_fixed_at_another_time_is_restored(server: databases.Shadow) -> None:
    """The constants of before and after differ, and those of the first and the second up."""
    setup = f"{SETUP}{RECENT};\n"
    merged = Migration("001", "case", Source("sql/001_case.up.sql", setup), None)
    up = "drop view recent;\ncreate view recent as select id from orders where opened_at > 'now'::timestamp;\n"
    files = Source("sql/002_case.up.sql", up), Source("sql/002_case.down.sql", f"drop view recent;\n{RECENT};\n")
    subjects = Subjects("main", (merged,), (Migration("002", "case", *files),))
    result = pipeline.review_on(server, subjects, pipeline.Settings(Path(), limit=5.0))

    assert [each.rule.name for one in result.migrations for each in one.findings] == ["frozen-time"]


def test_code_that_locks_two_tables_is_told_like_two_statements(server: databases.Shadow) -> None:
    """Its statements lock one table after the other; one statement that locks two cannot be split."""
    message = "`shops` is locked in ACCESS EXCLUSIVE mode while `orders` is locked"
    message += ": a session that locks them in the opposite order causes a deadlock"
    block = "do $$ begin {} end $$;\n"
    add = "alter table {} add column note text;"
    key = "alter table orders add constraint of_shop foreign key (id) references shops not valid;"

    both = block.format(add.format("orders") + add.format("shops"))
    assert ("two-exclusive-tables", "warning", message) in told(server, both)
    rules = {rule for up in (block.format(key), f"{key}\n") for rule, _, _ in told(server, up)}
    assert "two-exclusive-tables" not in rules


def test_labels_of_one_enum_are_one_list(server: databases.Shadow) -> None:
    """Each of them is renamed by a statement of its own."""
    setup = "create type state as enum ('a', 'b', 'c');\ncreate table t (id int, s state);\n"
    up = "".join(f"alter type state rename value '{old}' to '{old}1';\n" for old in "abc")

    message = "the labels `a`, `b` and `c` are renamed to `a1`, `b1` and `c1` in `state`"
    message += ": the running application still uses the old labels"
    assert ("rename-enum-value", "danger", message) in told(server, up, setup)
