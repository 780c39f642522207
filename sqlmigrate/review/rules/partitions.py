"""The rules of partitions that are created, attached, detached or dropped while others wait.

https://www.postgresql.org/docs/current/ddl-partitioning.html#DDL-PARTITIONING-DECLARATIVE-MAINTENANCE
"""

from __future__ import annotations

from .rule import Example, Rule

_DOCS = "https://www.postgresql.org/docs/current/"
_MAINTENANCE = f"{_DOCS}ddl-partitioning.html#DDL-PARTITIONING-DECLARATIVE-MAINTENANCE"

ATTACH_PARTITION_SCAN = Rule(
    "attach-partition-scan",
    "warning",
    "ATTACH PARTITION blocks the attached table while it is scanned or indexed",
    (
        "ATTACH PARTITION holds ACCESS EXCLUSIVE on the attached table while it reads every row, and while it "
        "builds the indexes of the parent that the table lacks. A valid CHECK that says the same as the "
        "partition's bound, NOT NULL included, is accepted as proof, and no row is read. Build missing "
        "indexes before, with CONCURRENTLY."
    ),
    examples=(
        Example(
            """\
-- 1. 005_events_2025_bound.up.sql
alter table events_2025 add constraint events_2025_bound
    check (day is not null and day >= '2025-01-01' and day < '2026-01-01') not valid;
-- 2. 006_check_events_2025.up.sql
alter table events_2025 validate constraint events_2025_bound;
-- 3. 007_attach_events_2025.up.sql
alter table events attach partition events_2025 for values from ('2025-01-01') to ('2026-01-01');
alter table events_2025 drop constraint events_2025_bound;
"""
        ),
    ),
    page=_MAINTENANCE,
)
DEFAULT_PARTITION_SCAN = Rule(
    "default-partition-scan",
    "danger",
    "a new partition scans the whole default partition and blocks reads and writes",
    (
        "Before PostgreSQL creates or attaches a partition, it looks in the default partition for rows that "
        "belong to it, and holds ACCESS EXCLUSIVE on the default partition. A valid CHECK there that excludes "
        "the new bound is accepted as proof, and no row is read."
    ),
    examples=(
        Example(
            """\
-- 1. 005_events_default_bound.up.sql
alter table events_default add constraint events_default_bound
    check (day is not null and (day < '2026-01-01' or day >= '2027-01-01')) not valid;
-- 2. 006_check_events_default.up.sql
alter table events_default validate constraint events_default_bound;
-- 3. 007_events_2026.up.sql
create table events_2026 (like events including defaults including constraints);
alter table events attach partition events_2026 for values from ('2026-01-01') to ('2027-01-01');
alter table events_default drop constraint events_default_bound;
"""
        ),
    ),
    page=_MAINTENANCE,
)
CREATE_PARTITION_OF_LOCKS_PARENT = Rule(
    "create-partition-of-locks-parent",
    "warning",
    "CREATE TABLE ... PARTITION OF blocks the whole partitioned table, reads too",
    (
        "It holds ACCESS EXCLUSIVE on the parent until the file ends. It first waits for every running query "
        "on any partition, and every later query waits behind it. A table that is created first and then "
        "attached takes only SHARE UPDATE EXCLUSIVE (from PostgreSQL 12 on), which blocks neither reads nor "
        "writes."
    ),
    examples=(
        Example(
            """\
-- 1. 005_events_2026.up.sql
create table events_2026 (like events including defaults including constraints);
alter table events attach partition events_2026 for values from ('2026-01-01') to ('2027-01-01');
""",
            12,
        ),
    ),
    page=_MAINTENANCE,
)
DETACH_PARTITION_BLOCKING = Rule(
    "detach-partition-blocking",
    "warning",
    "DETACH PARTITION blocks the whole partitioned table, reads too",
    (
        "It holds ACCESS EXCLUSIVE on the parent and on the partition until the file ends. With CONCURRENTLY "
        "(from PostgreSQL 14 on) it takes SHARE UPDATE EXCLUSIVE on the parent and waits for older "
        "transactions. PostgreSQL refuses CONCURRENTLY if there is a default partition."
    ),
    examples=(
        Example(
            """\
-- 1. 005_detach_events_2024.up.sql: alone in its file, holds the lock for an instant
alter table events detach partition events_2024;
"""
        ),
        Example(
            """\
-- 1. 005_detach_events_2024.up.sql
alter table events detach partition events_2024 concurrently;
""",
            14,
        ),
    ),
    page=f"{_DOCS}sql-altertable.html#SQL-ALTERTABLE-DETACH-PARTITION",
)
DROP_PARTITION_LOCKS_PARENT = Rule(
    "drop-partition-locks-parent",
    "warning",
    "dropping a table blocks another table, reads too",
    (
        "DROP TABLE of a partition holds ACCESS EXCLUSIVE on the partitioned table. DROP TABLE of a table "
        "with a foreign key holds it on the referenced table. First detach the partition or drop the foreign "
        "key, each in a file of its own."
    ),
    examples=(
        Example(
            """\
-- 1. 005_detach_events_2024.up.sql: alone in its file, holds the lock for an instant
alter table events detach partition events_2024;
-- 2. 006_drop_events_2024.up.sql
-- sqlmigrate: allow drop-table (its rows have passed the retention period)
drop table events_2024;
"""
        ),
        Example(
            """\
-- 1. 005_detach_events_2024.up.sql
alter table events detach partition events_2024 concurrently;
-- 2. 006_drop_events_2024.up.sql
-- sqlmigrate: allow drop-table (its rows have passed the retention period)
drop table events_2024;
""",
            14,
        ),
    ),
    page=_MAINTENANCE,
)

RULES: tuple[Rule, ...] = (
    ATTACH_PARTITION_SCAN,
    DEFAULT_PARTITION_SCAN,
    CREATE_PARTITION_OF_LOCKS_PARENT,
    DETACH_PARTITION_BLOCKING,
    DROP_PARTITION_LOCKS_PARENT,
)
