"""The rules of indexes that are built, dropped or rebuilt while others wait.

https://www.postgresql.org/docs/current/sql-createindex.html#SQL-CREATEINDEX-CONCURRENTLY
"""

from __future__ import annotations

from .rule import Example, Rule

_DOCS = "https://www.postgresql.org/docs/current/"
_CONCURRENTLY = f"{_DOCS}sql-createindex.html#SQL-CREATEINDEX-CONCURRENTLY"

CREATE_INDEX_BLOCKING = Rule(
    "create-index-blocking",
    "danger",
    "CREATE INDEX blocks writes while the index is built",
    (
        "CREATE INDEX holds SHARE on the table until the file ends. Reads go on, but every INSERT, UPDATE and "
        "DELETE waits for the whole build. With CONCURRENTLY they go on too. CONCURRENTLY cannot run in a "
        "transaction, so it needs a file of its own."
    ),
    examples=(
        Example(
            """\
-- 1. 005_orders_customer_index.up.sql
create index concurrently orders_customer_index on orders (customer_id);
"""
        ),
    ),
    page=_CONCURRENTLY,
)
PARTITIONED_INDEX_BLOCKING = Rule(
    "partitioned-index-blocking",
    "danger",
    "CREATE INDEX on a partitioned table blocks writes to every partition",
    (
        "It holds SHARE on the table and on all partitions until the last index is built, and PostgreSQL "
        "refuses CONCURRENTLY here. Create the index on the parent only, build it on each partition with "
        "CONCURRENTLY, and attach those indexes. The parent's index becomes valid when the last one is "
        "attached."
    ),
    examples=(
        Example(
            """\
-- 1. 005_events_kind_index.up.sql
create index events_kind_index on only events (kind);
-- 2. 006_events_2025_kind_index.up.sql: one for each partition
create index concurrently events_2025_kind_index on events_2025 (kind);
-- 3. 007_attach_events_kind_index.up.sql
alter index events_kind_index attach partition events_2025_kind_index;
"""
        ),
    ),
    page=f"{_DOCS}ddl-partitioning.html#DDL-PARTITIONING-DECLARATIVE-MAINTENANCE",
)
CREATE_INDEX_IF_NOT_EXISTS_LOCKS = Rule(
    "create-index-if-not-exists-locks",
    "note",
    "CREATE INDEX IF NOT EXISTS locks the table although the index exists",
    (
        "It takes SHARE on the table before it looks for the index, and holds it until the file ends, so "
        "writes wait for nothing. It also accepts any index of that name, whatever its definition. Remove the "
        "statement. If the index has to be rebuilt, drop it and create it, both with CONCURRENTLY."
    ),
    examples=(
        Example(
            """\
-- 1. 005_orders_customer_index.up.sql: only if the index has to be rebuilt
-- sqlmigrate: no-transaction
drop index concurrently if exists orders_customer_index;
create index concurrently orders_customer_index on orders (customer_id);
"""
        ),
    ),
    page=f"{_DOCS}sql-createindex.html",
)
INVALID_INDEX_LEFT = Rule(
    "invalid-index-left",
    "warning",
    "IF NOT EXISTS would accept an invalid index of a failed build",
    (
        "A concurrent build that fails leaves an invalid index: every write updates it, and no query uses it. "
        "With IF NOT EXISTS the second attempt finds the name, does nothing and succeeds. Drop what may be "
        "left, then build without IF NOT EXISTS."
    ),
    examples=(
        Example(
            """\
-- 1. 005_orders_customer_index.up.sql
-- sqlmigrate: no-transaction
drop index concurrently if exists orders_customer_index;
create index concurrently orders_customer_index on orders (customer_id);
"""
        ),
    ),
    page=_CONCURRENTLY,
)
CIC_WAITS_FOR_OLD_SNAPSHOTS = Rule(
    "cic-waits-for-old-snapshots",
    "warning",
    "a lock_timeout can interrupt a CONCURRENTLY statement",
    (
        "Statements with CONCURRENTLY wait until every older transaction in the database has ended, even "
        "transactions that never used the table. They block no one during that time, so they need no limit. A "
        "lock_timeout ends the wait with an error and leaves an invalid index. sqlmigrate sets no "
        "lock_timeout for such a statement: do not set one yourself."
    ),
    examples=(
        Example(
            """\
-- 1. 005_orders_customer_index.up.sql: no SET lock_timeout, no directive lock-timeout
create index concurrently orders_customer_index on orders (customer_id);
"""
        ),
    ),
    page=_CONCURRENTLY,
)
DROP_INDEX_BLOCKING = Rule(
    "drop-index-blocking",
    "warning",
    "DROP INDEX blocks reads and writes of its table",
    (
        "DROP INDEX holds ACCESS EXCLUSIVE on the index and on its table until the file ends. The drop itself "
        "takes an instant, but it first waits for every running query on the table, and every later query "
        "waits behind it. With CONCURRENTLY reads and writes go on."
    ),
    examples=(
        Example(
            """\
-- 1. 005_drop_orders_state_index.up.sql
drop index concurrently orders_state_index;
"""
        ),
    ),
    page=f"{_DOCS}sql-dropindex.html",
)
REINDEX_BLOCKING = Rule(
    "reindex-blocking",
    "danger",
    "REINDEX blocks writes and most reads while the index is rebuilt",
    (
        "REINDEX holds SHARE on the table and ACCESS EXCLUSIVE on the index. Most reads wait too, even those "
        "that do not use the index, because the planner looks at every index of a table. From PostgreSQL 12 "
        "on, REINDEX CONCURRENTLY blocks neither reads nor writes."
    ),
    examples=(
        Example(
            """\
-- 1. 005_rebuild_orders_state_index.up.sql
reindex index concurrently orders_state_index;
""",
            12,
        ),
    ),
    page=f"{_DOCS}sql-reindex.html#SQL-REINDEX-CONCURRENTLY",
)
UNIQUE_CONSTRAINT_BUILDS_INDEX = Rule(
    "unique-constraint-builds-index",
    "danger",
    "adding a unique constraint blocks reads and writes while its index is built",
    (
        "ADD UNIQUE, ADD PRIMARY KEY and ADD COLUMN ... UNIQUE build an index under ACCESS EXCLUSIVE, which "
        "blocks reads and writes until the index is built. Build the unique index with CONCURRENTLY, then "
        "make it a constraint, which takes an instant."
    ),
    examples=(
        Example(
            """\
-- 1. 005_orders_number_index.up.sql
create unique index concurrently orders_number_key on orders (number);
-- 2. 006_orders_number_key.up.sql
alter table orders add constraint orders_number_key unique using index orders_number_key;
"""
        ),
    ),
    page=f"{_DOCS}sql-altertable.html#SQL-ALTERTABLE-DESC-ADD-TABLE-CONSTRAINT-USING-INDEX",
)
PRIMARY_KEY_IMPLIES_NOT_NULL = Rule(
    "primary-key-implies-not-null",
    "danger",
    "adding a primary key scans the whole table for NULLs and blocks reads and writes",
    (
        "ADD PRIMARY KEY USING INDEX makes its columns NOT NULL. If they are not NOT NULL yet, it scans the "
        "whole table under ACCESS EXCLUSIVE. Make them NOT NULL first, in a way that scans without that lock."
    ),
    examples=(
        Example(
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
        Example(
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
    page=f"{_DOCS}sql-altertable.html#SQL-ALTERTABLE-DESC-ADD-TABLE-CONSTRAINT-USING-INDEX",
)
EXCLUSION_CONSTRAINT = Rule(
    "exclusion-constraint",
    "danger",
    "adding an exclusion constraint blocks reads and writes while its index is built",
    (
        "ADD EXCLUDE builds an index under ACCESS EXCLUSIVE. Unlike a unique constraint, it can neither be "
        "built with CONCURRENTLY nor be added as NOT VALID. If the table is small or the hour is quiet, allow it. "
        "Otherwise put the constraint on a new table, which the application fills and moves to."
    ),
    examples=(
        Example(
            """\
-- 1. 005_bookings_during.up.sql: in a quiet hour, or while the table is small
-- sqlmigrate: allow exclusion-constraint (bookings has some hundred rows)
alter table bookings add constraint bookings_during_excl exclude using gist (during with &&);
"""
        ),
    ),
    page=f"{_DOCS}ddl-constraints.html#DDL-CONSTRAINTS-EXCLUSION",
)

RULES: tuple[Rule, ...] = (
    CREATE_INDEX_BLOCKING,
    PARTITIONED_INDEX_BLOCKING,
    CREATE_INDEX_IF_NOT_EXISTS_LOCKS,
    INVALID_INDEX_LEFT,
    CIC_WAITS_FOR_OLD_SNAPSHOTS,
    DROP_INDEX_BLOCKING,
    REINDEX_BLOCKING,
    UNIQUE_CONSTRAINT_BUILDS_INDEX,
    PRIMARY_KEY_IMPLIES_NOT_NULL,
    EXCLUSION_CONSTRAINT,
)
