"""The rules of indexes: built, dropped or rebuilt while others wait.

https://www.postgresql.org/docs/current/sql-createindex.html#SQL-CREATEINDEX-CONCURRENTLY
"""

from __future__ import annotations

from .rule import Instead, Rule

_DOCS = "https://www.postgresql.org/docs/current/"
_CONCURRENTLY = f"{_DOCS}sql-createindex.html#SQL-CREATEINDEX-CONCURRENTLY"

RULES: tuple[Rule, ...] = (
    Rule(
        "create-index-blocking",
        "danger",
        "an index is built while nobody can write",
        "CREATE INDEX holds SHARE on the table until the file ends: reads go on, every INSERT, UPDATE and DELETE waits "
        "for the whole build. CONCURRENTLY lets them go on. It runs in no transaction, so it needs a file of its own.",
        (
            Instead(
                """\
-- 1. 005_orders_customer_index.up.sql
-- sqlmigrate: no-transaction
create index concurrently orders_customer_index on orders (customer_id);
"""
            ),
        ),
        ("index", "index-conc", "share_lock"),
        _CONCURRENTLY,
    ),
    Rule(
        "partitioned-index-blocking",
        "danger",
        "an index is built on every partition while nobody can write",
        "CREATE INDEX on a partitioned table holds SHARE on it and on all its partitions until all are built, and "
        "CONCURRENTLY is refused there. Make the index on the parent alone, build it on each partition concurrently, "
        "and attach those. The parent's index is valid when all are attached.",
        (
            Instead(
                """\
-- 1. 005_events_kind_index.up.sql
create index events_kind_index on only events (kind);
-- 2. 006_events_2025_kind_index.up.sql: one for each partition
-- sqlmigrate: no-transaction
create index concurrently events_2025_kind_index on events_2025 (kind);
-- 3. 007_attach_events_kind_index.up.sql
alter index events_kind_index attach partition events_2025_kind_index;
"""
            ),
        ),
        ("index-partitioned", "index-partitioned-conc", "index-partitioned-only"),
        f"{_DOCS}ddl-partitioning.html#DDL-PARTITIONING-DECLARATIVE-MAINTENANCE",
    ),
    Rule(
        "create-index-if-not-exists-locks",
        "note",
        "IF NOT EXISTS locks the table although the index is there",
        "CREATE INDEX IF NOT EXISTS takes SHARE on the table before it looks for the index, and holds it until the "
        "file ends: writers wait, for nothing. Whatever index has the name passes for the one that is meant. Take the "
        "statement out; where the index has to be made anew, drop it first, both concurrently.",
        (
            Instead(
                """\
-- 1. 005_orders_customer_index.up.sql: only where it has to be made anew
-- sqlmigrate: no-transaction
drop index concurrently if exists orders_customer_index;
create index concurrently orders_customer_index on orders (customer_id);
"""
            ),
        ),
        ("index-ine-exists", "share_lock"),
        f"{_DOCS}sql-createindex.html",
    ),
    Rule(
        "invalid-index-left",
        "warning",
        "an invalid index of that name would pass for the one that is meant",
        "A concurrent build that fails leaves its index behind, invalid: it is written at every INSERT and never read. "
        "With IF NOT EXISTS the second attempt finds the name, does nothing and succeeds. Drop what may be left, then "
        "build without IF NOT EXISTS.",
        (
            Instead(
                """\
-- 1. 005_orders_customer_index.up.sql
-- sqlmigrate: no-transaction
drop index concurrently if exists orders_customer_index;
create index concurrently orders_customer_index on orders (customer_id);
"""
            ),
        ),
        ("cic_if_not_exists_invalid", "cic_lock_timeout_invalid"),
        _CONCURRENTLY,
    ),
    Rule(
        "cic-waits-for-old-snapshots",
        "warning",
        "a lock_timeout cuts a concurrent build short",
        "The CONCURRENTLY forms wait until every older transaction in the database has ended, also those that never "
        "touched the table. They keep nobody out meanwhile, so there is no need for a limit; a lock_timeout ends the "
        "wait with an error and leaves an invalid index behind. sqlmigrate sets none on such a statement: leave it so.",
        (
            Instead(
                """\
-- 1. 005_orders_customer_index.up.sql: neither SET lock_timeout nor the directive lock-timeout
-- sqlmigrate: no-transaction
create index concurrently orders_customer_index on orders (customer_id);
"""
            ),
        ),
        ("cic_waits_for_unrelated_snapshot", "cic_lock_timeout_invalid"),
        _CONCURRENTLY,
    ),
    Rule(
        "drop-index-blocking",
        "warning",
        "an index is dropped under a lock on its table that keeps everyone out",
        "DROP INDEX holds ACCESS EXCLUSIVE on the index and on its table until the file ends. It is over in an "
        "instant, but it waits for every running query of the table, and all that come later wait behind it. "
        "CONCURRENTLY keeps nobody out.",
        (
            Instead(
                """\
-- 1. 005_drop_orders_state_index.up.sql
-- sqlmigrate: no-transaction
drop index concurrently orders_state_index;
"""
            ),
        ),
        ("drop-index", "drop-index-conc", "lock_queue"),
        f"{_DOCS}sql-dropindex.html",
    ),
    Rule(
        "reindex-blocking",
        "danger",
        "an index is rebuilt while nobody can write, and hardly anyone read",
        "REINDEX holds SHARE on the table and ACCESS EXCLUSIVE on the index. Readers wait too, even those who do not "
        "use that index, for the planner looks at every index of a table.",
        (
            Instead(
                """\
-- 1. 005_rebuild_orders_state_index.up.sql
-- sqlmigrate: no-transaction
reindex index concurrently orders_state_index;
""",
                12,
            ),
        ),
        ("reindex", "reindex-index", "reindex-conc", "reindex_blocks_reads"),
        f"{_DOCS}sql-reindex.html#SQL-REINDEX-CONCURRENTLY",
    ),
    Rule(
        "unique-constraint-builds-index",
        "danger",
        "a unique constraint builds its index while everyone waits",
        "ADD UNIQUE, ADD PRIMARY KEY and ADD COLUMN ... UNIQUE build an index under ACCESS EXCLUSIVE: nobody reads or "
        "writes until it is built. Build the unique index concurrently, then make it a constraint, for an instant.",
        (
            Instead(
                """\
-- 1. 005_orders_number_index.up.sql
-- sqlmigrate: no-transaction
create unique index concurrently orders_number_key on orders (number);
-- 2. 006_orders_number_key.up.sql
alter table orders add constraint orders_number_key unique using index orders_number_key;
"""
            ),
        ),
        ("unique", "unique-using", "add-col-unique"),
        f"{_DOCS}sql-altertable.html#SQL-ALTERTABLE-DESC-ADD-TABLE-CONSTRAINT-USING-INDEX",
    ),
    Rule(
        "primary-key-implies-not-null",
        "danger",
        "a primary key reads the whole table to find NULLs while everyone waits",
        "ADD PRIMARY KEY USING INDEX makes its columns NOT NULL. Where they are not yet, it reads the whole table "
        "under ACCESS EXCLUSIVE. Make them NOT NULL first, by a way that reads without that lock.",
        (
            Instead(
                """\
-- 1. 005_orders_id_not_null.up.sql
alter table orders add constraint orders_id_not_null check (id is not null) not valid;
-- 2. 006_check_orders_id.up.sql
alter table orders validate constraint orders_id_not_null;
-- 3. 007_orders_pkey.up.sql
alter table orders alter column id set not null;
alter table orders drop constraint orders_id_not_null;
alter table orders add primary key using index orders_id_index;
""",
                12,
            ),
            Instead(
                """\
-- 1. 005_orders_id_not_null.up.sql
alter table orders add constraint orders_id_not_null not null id not valid;
-- 2. 006_check_orders_id.up.sql
alter table orders validate constraint orders_id_not_null;
-- 3. 007_orders_pkey.up.sql
alter table orders add primary key using index orders_id_index;
""",
                18,
            ),
        ),
        ("pk-using-nullable", "pk-using-nn", "set-nn-check", "nn-not-valid", "nn-validate"),
        f"{_DOCS}sql-altertable.html#SQL-ALTERTABLE-DESC-ADD-TABLE-CONSTRAINT-USING-INDEX",
    ),
    Rule(
        "exclusion-constraint",
        "danger",
        "an exclusion constraint builds its index while everyone waits",
        "ADD EXCLUDE builds an index under ACCESS EXCLUSIVE, and unlike a unique constraint it can neither be built "
        "concurrently nor be added NOT VALID. Put it on a new table that is filled and takes the place of the old "
        "one, or say that the table is small or the hour quiet.",
        (
            Instead(
                """\
-- 1. 005_bookings_new.up.sql: the application writes to both tables from here on
create table bookings_new (like bookings including all, exclude using gist (during with &&));
-- 2. 006_fill_bookings_new.up.sql: in batches
insert into bookings_new select * from bookings on conflict do nothing;
-- 3. 007_swap_bookings.up.sql: when the two hold the same
alter table bookings rename to bookings_old;
alter table bookings_new rename to bookings;
"""
            ),
        ),
        ("exclude",),
        f"{_DOCS}ddl-constraints.html#DDL-CONSTRAINTS-EXCLUSION",
    ),
)
