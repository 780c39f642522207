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
create table visits (id bigint, on_day int) partition by range (on_day);
create table visits_1 partition of visits for values from (0) to (1000);
create table visits_2 partition of visits for values from (1000) to (9000);
insert into shops select i, 'n' || i from generate_series(1, 200) i;
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
