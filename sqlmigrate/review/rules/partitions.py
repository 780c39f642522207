"""The rules of partitions: attached, made, detached and dropped while others wait.

https://www.postgresql.org/docs/current/ddl-partitioning.html#DDL-PARTITIONING-DECLARATIVE-MAINTENANCE
"""

from __future__ import annotations

from .rule import Instead, Rule

_DOCS = "https://www.postgresql.org/docs/current/"
_MAINTENANCE = f"{_DOCS}ddl-partitioning.html#DDL-PARTITIONING-DECLARATIVE-MAINTENANCE"

RULES: tuple[Rule, ...] = (
    Rule(
        "attach-partition-scan",
        "warning",
        "attaching a partition reads it or builds its indexes while nobody can use it",
        "ATTACH PARTITION holds ACCESS EXCLUSIVE on the table that is attached while it looks at every row, and while "
        "it builds the parent's indexes that it lacks. A valid CHECK that says what the bound says, NOT NULL included, "
        "is the proof that makes it an instant; build the indexes before, concurrently.",
        (
            Instead(
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
        ("attach", "attach-check", "attach-index"),
        _MAINTENANCE,
    ),
    Rule(
        "default-partition-scan",
        "danger",
        "a new partition reads the whole default partition while everyone waits",
        "Before a partition is made or attached, PostgreSQL looks whether the default partition holds a row that "
        "belongs to it, under ACCESS EXCLUSIVE on the default partition. A valid CHECK there that excludes the new "
        "bound is the proof that makes it an instant.",
        (
            Instead(
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
        ("attach-default", "attach-check"),
        _MAINTENANCE,
    ),
    Rule(
        "create-partition-of-locks-parent",
        "warning",
        "a new partition locks the whole partitioned table, readers too",
        "CREATE TABLE ... PARTITION OF holds ACCESS EXCLUSIVE on the parent until the file ends, so it waits for "
        "every running query of all partitions, and all that come later wait behind it. A table that is made first and "
        "then attached takes SHARE UPDATE EXCLUSIVE (from 12), which keeps nobody out.",
        (
            Instead(
                """\
-- 1. 005_events_2026.up.sql
create table events_2026 (like events including defaults including constraints);
alter table events attach partition events_2026 for values from ('2026-01-01') to ('2027-01-01');
""",
                12,
            ),
        ),
        ("partition-of", "partition_of_blocks_parent", "attach"),
        _MAINTENANCE,
    ),
    Rule(
        "detach-partition-blocking",
        "warning",
        "detaching a partition locks the whole partitioned table, readers too",
        "DETACH PARTITION holds ACCESS EXCLUSIVE on the parent and on the partition until the file ends. CONCURRENTLY "
        "(from 14) takes SHARE UPDATE EXCLUSIVE on the parent and waits for older transactions; it is refused where "
        "there is a default partition.",
        (
            Instead(
                """\
-- 1. 005_detach_events_2024.up.sql: alone in its file, for an instant
alter table events detach partition events_2024;
"""
            ),
            Instead(
                """\
-- 1. 005_detach_events_2024.up.sql
-- sqlmigrate: no-transaction
alter table events detach partition events_2024 concurrently;
""",
                14,
            ),
        ),
        ("detach", "detach-conc"),
        f"{_DOCS}sql-altertable.html#SQL-ALTERTABLE-DETACH-PARTITION",
    ),
    Rule(
        "drop-partition-locks-parent",
        "warning",
        "dropping a table locks another one, readers too",
        "DROP TABLE of a partition holds ACCESS EXCLUSIVE on the partitioned table, that of a table with a foreign key "
        "on the table it refers to. Detach the partition first, or drop the foreign key first, each in a file of its "
        "own.",
        (
            Instead(
                """\
-- 1. 005_detach_events_2024.up.sql: alone in its file, for an instant
alter table events detach partition events_2024;
-- 2. 006_drop_events_2024.up.sql
-- sqlmigrate: allow drop-table (its rows are older than we may keep them)
drop table events_2024;
"""
            ),
            Instead(
                """\
-- 1. 005_detach_events_2024.up.sql
-- sqlmigrate: no-transaction
alter table events detach partition events_2024 concurrently;
-- 2. 006_drop_events_2024.up.sql
-- sqlmigrate: allow drop-table (its rows are older than we may keep them)
drop table events_2024;
""",
                14,
            ),
        ),
        ("drop-partition", "drop-table-fk", "drop_child_blocks_parent", "detach-conc"),
        _MAINTENANCE,
    ),
)
