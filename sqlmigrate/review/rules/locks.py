"""The rules of locks in general: work under a lock, tables locked unseen, rows written in bulk.

https://www.postgresql.org/docs/current/explicit-locking.html
"""

from __future__ import annotations

from .rule import Example, Rule

_DOCS = "https://www.postgresql.org/docs/current/"

WORK_UNDER_LOCK = Rule(
    "work-under-lock",
    "danger",
    "long work is done while a lock blocks others",
    (
        "A lock is held until its transaction ends. An ALTER TABLE that takes only an instant blocks reads "
        "and writes until the end of the file, and so also during the later statements of the file that scan, "
        "build or write in bulk. Put the long work into a file of its own, or do it first and take the lock "
        "last."
    ),
    examples=(
        Example(
            """\
-- 1. 005_order_note.up.sql: holds the lock for an instant
alter table orders add column note text;
-- 2. 006_fill_order_note.up.sql: the long work, in batches, see `sqlmigrate explain bulk-dml`
-- sqlmigrate: allow commits-inside (batches of 5000 rows)
-- sqlmigrate: no-transaction
do $$
begin
    loop
        update orders set note = '' where id in (select id from orders where note is null limit 5000);
        exit when not found;
        commit;
    end loop;
end
$$;
"""
        ),
    ),
    page=f"{_DOCS}explicit-locking.html",
)
LOCKS_OTHER_TABLE = Rule(
    "locks-other-table",
    "warning",
    "a table is locked that the statement does not name",
    (
        "Foreign keys, inheritance and CASCADE lock other tables too. Dropping a foreign key, or a table that "
        "has one, locks the referenced table in ACCESS EXCLUSIVE mode, which blocks even reads. A reviewer "
        "cannot see that in the text. Put the statement into a file of its own, so that the lock is held only "
        "for an instant."
    ),
    examples=(
        Example(
            """\
-- 1. 005_drop_orders_customer_fkey.up.sql: alone in its file; locks orders and customers for an instant
-- sqlmigrate: allow locks-other-table (customers is locked for an instant)
-- sqlmigrate: allow foreign-key-removed (no release relies on it any more)
alter table orders drop constraint orders_customer_fkey;
"""
        ),
    ),
    page=f"{_DOCS}explicit-locking.html",
)
TWO_EXCLUSIVE_TABLES = Rule(
    "two-exclusive-tables",
    "warning",
    "two tables are locked one after the other in one transaction",
    (
        "A session that uses the two tables in the opposite order waits for the migration, while the "
        "migration waits for that session. PostgreSQL ends one of the two with a deadlock error (40P01). Lock "
        "only one table in each transaction."
    ),
    examples=(
        Example(
            """\
-- 1. 005_customers_note.up.sql
alter table customers add column note text;
-- 2. 006_orders_note.up.sql
alter table orders add column note text;
"""
        ),
    ),
    page=f"{_DOCS}explicit-locking.html#LOCKING-DEADLOCKS",
)
LOCK_TABLE = Rule(
    "lock-table",
    "warning",
    "LOCK TABLE blocks others until the end of the file",
    (
        "LOCK TABLE without a mode takes ACCESS EXCLUSIVE, which blocks reads and writes until the "
        "transaction ends. Statements take the locks they need by themselves. If an explicit lock is needed, "
        "name the weakest mode that is sufficient, and take it in the file that needs it."
    ),
    examples=(
        Example(
            """\
-- 1. 005_close_orders.up.sql: locks only the rows that it writes
update orders set state = 'closed' where state = 'done';
"""
        ),
    ),
    page=f"{_DOCS}sql-lock.html",
)
LOCK_TIMEOUT_MISSING = Rule(
    "lock-timeout-missing",
    "warning",
    "a statement waits for a strong lock without a time limit",
    (
        "A statement that waits for a lock blocks every later statement on the table, reads included, until "
        "the oldest transaction on the table ends. sqlmigrate sets a lock_timeout (5s by default) and tries "
        "again, but this file switches it off. Leave it on, or set another value at the head of the file."
    ),
    examples=(
        Example(
            """\
-- 1. 005_order_note.up.sql: no SET lock_timeout, or the directive at the head of the file
-- sqlmigrate: lock-timeout 2s
alter table orders add column note text;
"""
        ),
    ),
    page=f"{_DOCS}runtime-config-client.html#GUC-LOCK-TIMEOUT",
)
BULK_DML = Rule(
    "bulk-dml",
    "warning",
    "a large part of a table is written in one transaction",
    (
        "Every row that is written stays locked until the file ends, and sessions that want to change such a "
        "row wait. UPDATE writes a new version of every row, so the table, its indexes and the write-ahead "
        "log grow by as much. Write in batches that commit one by one, in a file without a transaction."
    ),
    examples=(
        Example(
            """\
-- 1. 005_correct_order_tax.up.sql
-- sqlmigrate: allow commits-inside (batches of 5000 rows)
-- sqlmigrate: no-transaction
do $$
declare
    first bigint := 0;
    last bigint := (select max(id) from orders);
begin
    while first <= last loop
        update orders set tax = total / 5 where id >= first and id < first + 5000;
        commit;
        first := first + 5000;
    end loop;
end
$$;
"""
        ),
    ),
    page=f"{_DOCS}sql-update.html",
)
HIDDEN_WRITES = Rule(
    "hidden-writes",
    "warning",
    "rows are written in a table that the statement does not name",
    (
        "A trigger, a foreign key with ON DELETE or ON UPDATE, a rule or a function writes to other tables "
        "than the statement names. A reviewer cannot see that in the text, and those rows stay locked until "
        "the file ends. Write to those tables first and by name, so that the file shows what happens."
    ),
    examples=(
        Example(
            """\
-- 1. 005_forget_guests.up.sql: does by name what ON DELETE CASCADE would do
-- sqlmigrate: allow rows-lost (guests asked to be forgotten)
delete from order_notes where customer_id in (select id from customers where is_guest);
delete from customers where is_guest;
"""
        ),
    ),
    page=f"{_DOCS}ddl-constraints.html#DDL-CONSTRAINTS-FK",
)
REFRESH_MATVIEW_BLOCKING = Rule(
    "refresh-matview-blocking",
    "danger",
    "REFRESH MATERIALIZED VIEW blocks reads of the view",
    (
        "It holds ACCESS EXCLUSIVE on the view for as long as the view's query takes. With CONCURRENTLY the "
        "view stays readable. CONCURRENTLY needs a unique index on whole columns, without a WHERE clause."
    ),
    examples=(
        Example(
            """\
-- 1. 005_order_totals_key.up.sql: needed once
create unique index concurrently order_totals_key on order_totals (customer_id);
-- 2. 006_refresh_order_totals.up.sql
refresh materialized view concurrently order_totals;
"""
        ),
    ),
    page=f"{_DOCS}sql-refreshmaterializedview.html",
)
COMMITS_INSIDE = Rule(
    "commits-inside",
    "warning",
    "a DO block or a CALL commits by itself, so it was only partly measured",
    (
        "Each of its commits releases the locks before the review can read them, and the counts of rows and "
        "scans are lost too. The review still sees what remains at the end: rewrites, dropped objects, lost "
        "rows. If the block writes in batches, allow it and state the size of a batch. Write everything else "
        "as plain statements, which are measured completely."
    ),
    examples=(
        Example(
            """\
-- 1. 005_index_orders_total.up.sql: a plain statement, without a block
create index concurrently orders_total on orders (total);
"""
        ),
    ),
    page=f"{_DOCS}plpgsql-transactions.html",
)

RULES: tuple[Rule, ...] = (
    WORK_UNDER_LOCK,
    LOCKS_OTHER_TABLE,
    TWO_EXCLUSIVE_TABLES,
    LOCK_TABLE,
    LOCK_TIMEOUT_MISSING,
    BULK_DML,
    HIDDEN_WRITES,
    REFRESH_MATVIEW_BLOCKING,
    COMMITS_INSIDE,
)
