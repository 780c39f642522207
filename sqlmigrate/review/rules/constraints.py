"""The rules of constraints that are checked for every row while others wait.

https://www.postgresql.org/docs/current/sql-altertable.html#SQL-ALTERTABLE-NOTES
"""

from __future__ import annotations

from .rule import Example, Rule

_DOCS = "https://www.postgresql.org/docs/current/"
_NOTES = f"{_DOCS}sql-altertable.html#SQL-ALTERTABLE-NOTES"

CONSTRAINT_WITHOUT_NOT_VALID = Rule(
    "constraint-without-not-valid",
    "danger",
    "adding a CHECK blocks reads and writes while the whole table is scanned",
    (
        "ADD CHECK holds ACCESS EXCLUSIVE while it reads every row, also those of partitions and child "
        "tables. NOT VALID holds the same lock only for an instant, and checks new rows from then on. "
        "VALIDATE CONSTRAINT, in another transaction, reads the old rows and blocks neither reads nor writes."
    ),
    examples=(
        Example(
            """\
-- 1. 005_orders_total_check.up.sql
alter table orders add constraint orders_total_check check (total >= 0) not valid;
-- 2. 006_check_orders_total.up.sql
alter table orders validate constraint orders_total_check;
"""
        ),
    ),
    page=_NOTES,
)
FOREIGN_KEY_WITHOUT_NOT_VALID = Rule(
    "foreign-key-without-not-valid",
    "danger",
    "adding a foreign key blocks writes while both tables are scanned",
    (
        "ADD FOREIGN KEY holds SHARE ROW EXCLUSIVE on the table and on the referenced table while it reads "
        "both. ADD COLUMN ... REFERENCES with a default does the same. NOT VALID holds the locks only for an "
        "instant. VALIDATE CONSTRAINT, in another transaction, reads the rows and blocks neither reads nor "
        "writes."
    ),
    examples=(
        Example(
            """\
-- 1. 005_orders_customer_fkey.up.sql
alter table orders add constraint orders_customer_fkey
    foreign key (customer_id) references customers (id) not valid;
-- 2. 006_check_orders_customer.up.sql
alter table orders validate constraint orders_customer_fkey;
"""
        ),
        Example(
            """\
-- 1. 005_orders_customer_fkey.up.sql: from PostgreSQL 18 on for partitioned tables too
alter table orders add constraint orders_customer_fkey
    foreign key (customer_id) references customers (id) not valid;
-- 2. 006_check_orders_customer.up.sql
alter table orders validate constraint orders_customer_fkey;
""",
            18,
        ),
    ),
    page=_NOTES,
)
CREATED_AGAIN = Rule(
    "created-again",
    "danger",
    "a constraint or an index is dropped and created again only to have another name",
    (
        "PostgreSQL reads the table again, and for a foreign key the referenced table too, under locks that others "
        "wait for. RENAME takes its lock for an instant, reads nothing, and does not lock the referenced table."
    ),
    examples=(
        Example(
            """\
-- 1. 005_rename_orders_customer_fkey.up.sql
alter table orders rename constraint orders_fk_customer to orders_customer_id_fkey;
-- 005_rename_orders_customer_fkey.down.sql
alter table orders rename constraint orders_customer_id_fkey to orders_fk_customer;
"""
        ),
    ),
    page=f"{_DOCS}sql-altertable.html#SQL-ALTERTABLE-DESC-RENAME",
)
VALIDATE_SAME_TRANSACTION = Rule(
    "validate-same-transaction",
    "danger",
    "a constraint is validated while the lock that added it is still held",
    (
        "VALIDATE CONSTRAINT by itself blocks neither reads nor writes. In the same file as ADD ... NOT "
        "VALID, the stronger lock of that statement is still held while every row is read. Put VALIDATE "
        "CONSTRAINT into a file of its own."
    ),
    examples=(
        Example(
            """\
-- 1. 005_orders_total_check.up.sql
alter table orders add constraint orders_total_check check (total >= 0) not valid;
-- 2. 006_check_orders_total.up.sql
alter table orders validate constraint orders_total_check;
"""
        ),
    ),
    page=_NOTES,
)
SET_NOT_NULL_SCAN = Rule(
    "set-not-null-scan",
    "danger",
    "SET NOT NULL blocks reads and writes while the whole table is scanned",
    (
        "SET NOT NULL holds ACCESS EXCLUSIVE while it looks for a NULL in every row. If the table has a valid "
        "CHECK that says IS NOT NULL, PostgreSQL accepts it as proof and reads no row, and such a CHECK can "
        "be validated without blocking. A CHECK that is NOT VALID, or one such as (total > 0), is not "
        "accepted as proof."
    ),
    examples=(
        Example(
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
        Example(
            """\
-- 1. 005_orders_total_not_null.up.sql
alter table orders add constraint orders_total_not_null not null total not valid;
-- 2. 006_check_orders_total.up.sql
alter table orders validate constraint orders_total_not_null;
""",
            18,
        ),
    ),
    page=f"{_DOCS}sql-altertable.html#SQL-ALTERTABLE-DESC-SET-DROP-NOT-NULL",
)
DOMAIN_CONSTRAINT_SCAN = Rule(
    "domain-constraint-scan",
    "danger",
    "a domain constraint blocks writes while every table with the domain is scanned",
    (
        "ALTER DOMAIN ... ADD CHECK and SET NOT NULL hold SHARE on every table that has a column of the "
        "domain while they read all of them. ADD CHECK ... NOT VALID takes no lock on the tables and applies "
        "to every new value. VALIDATE CONSTRAINT holds SHARE again while it reads, so run it in a quiet hour, "
        "or leave it out."
    ),
    examples=(
        Example(
            """\
-- 1. 005_email_check.up.sql: applies to every value written from now on
alter domain email add constraint email_check check (value like '%@%') not valid;
"""
        ),
    ),
    page=f"{_DOCS}sql-alterdomain.html",
)
ADD_COLUMN_CHECK_SCAN = Rule(
    "add-column-check-scan",
    "danger",
    "adding a column with a CHECK blocks reads and writes while the whole table is scanned",
    (
        "ADD COLUMN alone takes an instant. With a CHECK it reads every row under ACCESS EXCLUSIVE, although "
        "all rows have the same value in the new column. Add the column, add the CHECK as NOT VALID, and "
        "validate it in another file."
    ),
    examples=(
        Example(
            """\
-- 1. 005_orders_discount.up.sql
alter table orders add column discount integer;
alter table orders add constraint orders_discount_check check (discount >= 0) not valid;
-- 2. 006_check_orders_discount.up.sql
alter table orders validate constraint orders_discount_check;
"""
        ),
    ),
    page=_NOTES,
)

RULES: tuple[Rule, ...] = (
    CONSTRAINT_WITHOUT_NOT_VALID,
    FOREIGN_KEY_WITHOUT_NOT_VALID,
    CREATED_AGAIN,
    VALIDATE_SAME_TRANSACTION,
    SET_NOT_NULL_SCAN,
    DOMAIN_CONSTRAINT_SCAN,
    ADD_COLUMN_CHECK_SCAN,
)
