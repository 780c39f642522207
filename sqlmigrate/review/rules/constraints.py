"""The rules of constraints: checked against every row while others wait.

https://www.postgresql.org/docs/current/sql-altertable.html#SQL-ALTERTABLE-NOTES
"""

from __future__ import annotations

from .rule import Instead, Rule

_DOCS = "https://www.postgresql.org/docs/current/"
_NOTES = f"{_DOCS}sql-altertable.html#SQL-ALTERTABLE-NOTES"

RULES: tuple[Rule, ...] = (
    Rule(
        "constraint-without-not-valid",
        "danger",
        "a CHECK reads the whole table while everyone waits",
        "ADD CHECK holds ACCESS EXCLUSIVE while it reads every row, of the partitions and children too. NOT VALID "
        "takes the same lock for an instant and checks new rows from then on; VALIDATE reads the old ones in another "
        "transaction, and nobody waits.",
        (
            Instead(
                """\
-- 1. 005_orders_total_check.up.sql
alter table orders add constraint orders_total_check check (total >= 0) not valid;
-- 2. 006_check_orders_total.up.sql
alter table orders validate constraint orders_total_check;
"""
            ),
        ),
        ("check", "check-nv", "check-validate", "validate_lock"),
        _NOTES,
    ),
    Rule(
        "foreign-key-without-not-valid",
        "danger",
        "a foreign key reads both tables while nobody can write to them",
        "ADD FOREIGN KEY holds SHARE ROW EXCLUSIVE on the table and on the one it refers to while it reads both. So "
        "does ADD COLUMN ... REFERENCES with a default. NOT VALID takes the locks for an instant; VALIDATE reads in "
        "another transaction, and nobody waits.",
        (
            Instead(
                """\
-- 1. 005_orders_customer_fkey.up.sql
alter table orders add constraint orders_customer_fkey
    foreign key (customer_id) references customers (id) not valid;
-- 2. 006_check_orders_customer.up.sql
alter table orders validate constraint orders_customer_fkey;
"""
            ),
            Instead(
                """\
-- 1. 005_orders_customer_fkey.up.sql: from 18 on a partitioned table takes NOT VALID too
alter table orders add constraint orders_customer_fkey
    foreign key (customer_id) references customers (id) not valid;
-- 2. 006_check_orders_customer.up.sql
alter table orders validate constraint orders_customer_fkey;
""",
                18,
            ),
        ),
        ("fk", "fk-nv", "fk-validate", "add-col-fk", "add-col-fk-default", "fk-part-nv", "fk_referenced"),
        _NOTES,
    ),
    Rule(
        "validate-same-transaction",
        "danger",
        "a constraint is validated while the lock that added it is still held",
        "VALIDATE CONSTRAINT by itself keeps nobody out. In the same file as ADD ... NOT VALID the stronger lock of "
        "that statement is still held while every row is read. Give VALIDATE a file of its own.",
        (
            Instead(
                """\
-- 1. 005_orders_total_check.up.sql
alter table orders add constraint orders_total_check check (total >= 0) not valid;
-- 2. 006_check_orders_total.up.sql
alter table orders validate constraint orders_total_check;
"""
            ),
        ),
        ("check-nv-validate-sametx", "notvalid_validate_one_tx", "validate_lock"),
        _NOTES,
    ),
    Rule(
        "set-not-null-scan",
        "danger",
        "SET NOT NULL reads the whole table while everyone waits",
        "SET NOT NULL holds ACCESS EXCLUSIVE while it looks for a NULL in every row. A valid CHECK that says IS NOT "
        "NULL is taken as the proof and nothing is read; that CHECK can be validated while nobody waits. A CHECK that "
        "is NOT VALID, or one such as (total > 0), proves nothing.",
        (
            Instead(
                """\
-- 1. 005_orders_total_not_null.up.sql
alter table orders add constraint orders_total_not_null check (total is not null) not valid;
-- 2. 006_check_orders_total.up.sql
alter table orders validate constraint orders_total_not_null;
-- 3. 007_orders_total_set_not_null.up.sql
alter table orders alter column total set not null;
alter table orders drop constraint orders_total_not_null;
""",
                12,
            ),
            Instead(
                """\
-- 1. 005_orders_total_not_null.up.sql
alter table orders add constraint orders_total_not_null not null total not valid;
-- 2. 006_check_orders_total.up.sql
alter table orders validate constraint orders_total_not_null;
""",
                18,
            ),
        ),
        ("set-nn", "set-nn-check", "set-nn-check-nv", "set-nn-check-implied", "nn-not-valid", "nn-validate"),
        f"{_DOCS}sql-altertable.html#SQL-ALTERTABLE-DESC-SET-DROP-NOT-NULL",
    ),
    Rule(
        "domain-constraint-scan",
        "danger",
        "a domain's constraint reads every table that uses it while nobody can write",
        "ALTER DOMAIN ... ADD CHECK and SET NOT NULL hold SHARE on every table with a column of the domain while they "
        "read them all. ADD CHECK ... NOT VALID takes no lock on them and holds for every new value. VALIDATE holds "
        "SHARE again while it reads, so it is for a quiet hour, or left out.",
        (
            Instead(
                """\
-- 1. 005_email_check.up.sql: holds for every value that is written from here on
alter domain email add constraint email_check check (value like '%@%') not valid;
"""
            ),
        ),
        ("domain-check", "domain-check-nv"),
        f"{_DOCS}sql-alterdomain.html",
    ),
    Rule(
        "add-column-check-scan",
        "danger",
        "a new column with a CHECK reads the whole table while everyone waits",
        "ADD COLUMN is over in an instant; with a CHECK in it every row is read under ACCESS EXCLUSIVE, though all "
        "hold the same value. Add the column, then the CHECK as NOT VALID, and validate it in another file.",
        (
            Instead(
                """\
-- 1. 005_orders_discount.up.sql
alter table orders add column discount integer;
alter table orders add constraint orders_discount_check check (discount >= 0) not valid;
-- 2. 006_check_orders_discount.up.sql
alter table orders validate constraint orders_discount_check;
"""
            ),
        ),
        ("add-col-check", "check-nv", "check-validate"),
        _NOTES,
    ),
)
