"""The rules of locks in general: work while others wait, tables locked unseen, rows written in bulk.

https://www.postgresql.org/docs/current/explicit-locking.html
"""

from __future__ import annotations

from .rule import Instead, Rule

_DOCS = "https://www.postgresql.org/docs/current/"
_LOCKING = f"{_DOCS}explicit-locking.html"

RULES: tuple[Rule, ...] = (
    Rule(
        "work-under-lock",
        "danger",
        "long work is done while a lock keeps others out",
        "A lock is held until its transaction ends. An ALTER TABLE that is over in an instant keeps everyone out for "
        "as long as the statements behind it in the same file take: those that read, build or write in bulk. Give the "
        "long work a file of its own, or do it first and take the lock last.",
        (
            Instead(
                """\
-- 1. 005_order_note.up.sql: the lock, for an instant
alter table orders add column note text;
-- 2. 006_fill_order_note.up.sql: the long work, in another transaction
update orders set note = '' where note is null;
"""
            ),
        ),
        ("metadata_then_slow", "lock_queue"),
        _LOCKING,
    ),
    Rule(
        "locks-other-table",
        "warning",
        "a table is locked that the statement does not name",
        "Foreign keys, inheritance and CASCADE pass a lock on: dropping a foreign key or a table that has one locks "
        "the referenced table in ACCESS EXCLUSIVE mode, so nobody can even read it. Whoever reviews the file does not "
        "see that in its text. Give the statement a file of its own, so that the lock lasts an instant.",
        (
            Instead(
                """\
-- 1. 005_drop_orders_customer_fkey.up.sql: alone in its file; locks orders and customers for an instant
alter table orders drop constraint orders_customer_fkey;
"""
            ),
        ),
        ("fk-drop", "drop-table-fk", "drop-table-cascade", "type-fk", "inherit-add-col"),
        _LOCKING,
    ),
    Rule(
        "two-exclusive-tables",
        "warning",
        "two tables are locked one after the other in one transaction",
        "Whoever writes to the two tables in the other order waits for the migration while the migration waits for "
        "them: PostgreSQL ends one of the two with a deadlock error (40P01). Lock one table in each transaction.",
        (
            Instead(
                """\
-- 1. 005_customers_note.up.sql
alter table customers add column note text;
-- 2. 006_orders_note.up.sql
alter table orders add column note text;
"""
            ),
        ),
        ("twophase_deadlock_order",),
        f"{_LOCKING}#LOCKING-DEADLOCKS",
    ),
    Rule(
        "lock-table",
        "warning",
        "LOCK TABLE keeps others out until the end of the file",
        "LOCK TABLE without a mode takes ACCESS EXCLUSIVE, and nobody can read the table until the transaction ends. "
        "Statements take the locks they need by themselves. Where a lock is needed all the same, name the weakest mode "
        "that will do, and take it in the file that needs it.",
        (
            Instead(
                """\
-- 1. 005_close_orders.up.sql: no lock on the table, only on the rows that are written
update orders set state = 'closed' where state = 'done';
"""
            ),
        ),
        ("lock-table",),
        f"{_DOCS}sql-lock.html",
    ),
    Rule(
        "lock-timeout-missing",
        "warning",
        "a strong lock is waited for without a limit",
        "A statement that waits for a lock stops everyone who comes after it, readers too, for as long as the oldest "
        "transaction on the table lasts. sqlmigrate sets a lock_timeout (5s) and tries again; the file has switched it "
        "off. Leave it in force, or say another one at the head of the file.",
        (
            Instead(
                """\
-- 1. 005_order_note.up.sql: no SET, or at the head of the file
-- sqlmigrate: lock-timeout 2s
alter table orders add column note text;
"""
            ),
        ),
        ("lock_queue", "lock_timeout_frees_queue"),
        f"{_DOCS}runtime-config-client.html#GUC-LOCK-TIMEOUT",
    ),
    Rule(
        "bulk-dml",
        "warning",
        "a large part of a table is written at once",
        "Each row that is written stays locked until the file ends, and whoever wants to change one of them waits. An "
        "UPDATE writes a new version of every row, so the table, its indexes and the write-ahead log grow by as much. "
        "Write in batches that commit one by one, in a file without a transaction.",
        (
            Instead(
                """\
-- 1. 005_correct_order_tax.up.sql
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
        ("update-all", "update_row_locks"),
        f"{_DOCS}sql-update.html",
    ),
    Rule(
        "hidden-writes",
        "warning",
        "rows are written in a table that the statement does not name",
        "A trigger, a foreign key with ON DELETE or ON UPDATE, a rule or a function writes other tables than the "
        "statement says. Whoever reviews the file does not see it, and the rows stay locked until the file ends. Write "
        "those tables first and by name, so that the file says what happens.",
        (
            Instead(
                """\
-- 1. 005_forget_guests.up.sql: what ON DELETE CASCADE would do, by name
-- sqlmigrate: allow rows-lost (guests asked to be forgotten)
delete from order_notes where customer_id in (select id from customers where is_guest);
delete from customers where is_guest;
"""
            ),
        ),
        ("trigger-side",),
        f"{_DOCS}ddl-constraints.html#DDL-CONSTRAINTS-FK",
    ),
    Rule(
        "refresh-matview-blocking",
        "danger",
        "a materialized view is refreshed while nobody can read it",
        "REFRESH MATERIALIZED VIEW holds ACCESS EXCLUSIVE on the view for as long as its query takes. With "
        "CONCURRENTLY readers go on; it needs a unique index over whole columns, without a WHERE.",
        (
            Instead(
                """\
-- 1. 005_order_totals_key.up.sql: once
-- sqlmigrate: no-transaction
create unique index concurrently order_totals_key on order_totals (customer_id);
-- 2. 006_refresh_order_totals.up.sql
refresh materialized view concurrently order_totals;
"""
            ),
        ),
        ("matview", "matview-refresh", "matview-refresh-conc", "matview-refresh-conc-nouq"),
        f"{_DOCS}sql-refreshmaterializedview.html",
    ),
    Rule(
        "commits-inside",
        "warning",
        "a DO block or a CALL commits by itself, and what it does is not all seen",
        "Its locks are gone with each of its commits, too soon to be read, and so are the counters of rows and scans. "
        "The review sees what stays: rewrites, what is gone, rows that are lost. Batches are written like this; then "
        "allow it, and say how large they are. What is no batch belongs into plain statements, which are measured.",
        (
            Instead(
                """\
-- 1. 005_index_orders_total.up.sql: each thing as a statement of its own
-- sqlmigrate: no-transaction
create index concurrently orders_total on orders (total);
"""
            ),
        ),
        ("commit-in-do",),
        "https://www.postgresql.org/docs/current/plpgsql-transactions.html",
    ),
)
