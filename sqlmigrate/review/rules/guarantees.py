"""The rules of what tables no longer guarantee: uniqueness, foreign keys, checks, triggers.

Most consequences were tried on PostgreSQL 18: the SQLSTATE is in the text.
"""

from __future__ import annotations

from .rule import Example, Rule

_DOCS = "https://www.postgresql.org/docs/current/"

UNIQUE_REMOVED = Rule(
    "unique-removed",
    "danger",
    "a unique constraint or unique index is gone, or covers less",
    (
        "INSERT ... ON CONFLICT (columns) needs a unique index with exactly these columns, and without a condition "
        "that the statement does not repeat. Without it the statement fails (42P10); with a deferrable constraint too "
        "(55000). Duplicates come in, and an equal index cannot be built any more."
    ),
    examples=(
        Example(
            """\
-- first release an application that does not use ON CONFLICT (user_id, device); then
-- 1. 005_tokens_active.up.sql: the new index, while the old one is still there
create unique index concurrently tokens_active on tokens (user_id, device) where active;
-- 2. 006_drop_tokens_user_device.up.sql
-- sqlmigrate: allow unique-removed (no release uses it since release 12)
alter table tokens drop constraint tokens_user_device;
"""
        ),
    ),
    page=f"{_DOCS}sql-insert.html#SQL-ON-CONFLICT",
)
FOREIGN_KEY_REMOVED = Rule(
    "foreign-key-removed",
    "warning",
    "a foreign key is gone, or does something else on DELETE or UPDATE",
    (
        "The running application may rely on the error for a row that references nothing (23503). It may rely on ON "
        "DELETE CASCADE or SET NULL even more: without it, a DELETE leaves rows that reference nothing, or fails."
    ),
    examples=(
        Example(
            """\
-- 1. 005_orders_customer.up.sql: the new foreign key first, then the old one is dropped
alter table orders add constraint orders_customer_restrict
    foreign key (customer_id) references customers (id) not valid;
-- 2. 006_drop_orders_customer.up.sql: when every release deletes the orders itself
-- sqlmigrate: allow foreign-key-removed (releases since 12 delete the orders themselves)
alter table orders drop constraint orders_customer_fkey;
"""
        ),
    ),
    page=f"{_DOCS}ddl-constraints.html#DDL-CONSTRAINTS-FK",
)
CHECK_REMOVED = Rule(
    "check-removed",
    "warning",
    "a CHECK or an exclusion constraint is gone",
    (
        "Values that PostgreSQL refused until now (23514, 23P01) come in. Code that reads the rows relies on it that "
        "they are not there, and the constraint cannot be added again before they are repaired."
    ),
    examples=(
        Example(
            """\
-- 1. 005_orders_total.up.sql: the new CHECK first, then the old one is dropped
alter table orders add constraint orders_total_range check (total between 0 and 100000) not valid;
alter table orders drop constraint orders_total_check;
"""
        ),
    ),
    page=f"{_DOCS}ddl-constraints.html#DDL-CONSTRAINTS-CHECK-CONSTRAINTS",
)
CHECK_REPLACED = Rule(
    "check-replaced",
    "note",
    "a CHECK or an exclusion constraint is replaced by another one",
    (
        "The new constraint may refuse what the running application writes, or accept what it does not expect. "
        "PostgreSQL cannot tell which of two conditions is the stricter one."
    ),
    examples=(
        Example(
            """\
-- first release an application that writes and reads what both permit; then
-- 1. 005_orders_state.up.sql
alter table orders add constraint orders_state_2 check (state in ('open', 'sent', 'done')) not valid;
-- 2. 006_drop_orders_state.up.sql
alter table orders drop constraint orders_state;
"""
        ),
    ),
    page=f"{_DOCS}ddl-constraints.html#DDL-CONSTRAINTS-CHECK-CONSTRAINTS",
)
TRIGGER_REMOVED = Rule(
    "trigger-removed",
    "warning",
    "a trigger or a rule no longer applies",
    (
        "The trigger changed values or wrote a log, and does not do so now. The running application "
        "relies on it and gets no error."
    ),
    examples=(
        Example(
            """\
-- first release an application that does itself what the trigger did; then
-- 1. 005_drop_orders_audit.up.sql
-- sqlmigrate: allow trigger-removed (the application writes the log since release 12)
drop trigger orders_audit on orders;
"""
        ),
    ),
    page=f"{_DOCS}sql-droptrigger.html",
)

REPLICA_IDENTITY_MISSING = Rule(
    "replica-identity-missing",
    "danger",
    "a published table has no replica identity",
    (
        "Logical replication must say which row was changed, with the primary key or another replica identity. Without "
        "one, PostgreSQL refuses each UPDATE and DELETE of the table on the publisher (55000); INSERT still works."
    ),
    examples=(
        Example(
            """\
-- 1. 005_orders_key.up.sql: the index of the new key
create unique index concurrently orders_new_key on orders (number);
-- 2. 006_orders_key.up.sql: the old key and the new one in one statement
alter table orders
    drop constraint orders_pkey,
    add constraint orders_pkey primary key using index orders_new_key;
"""
        ),
    ),
    page=f"{_DOCS}logical-replication-publication.html#LOGICAL-REPLICATION-PUBLICATION-REPLICA-IDENTITY",
)
NO_LONGER_PUBLISHED = Rule(
    "no-longer-published",
    "warning",
    "a table is no longer published",
    (
        "A publication knows a table by its OID: after a swap it has the old table under its new name. Subscribers get "
        "no further changes, and no error."
    ),
    examples=(
        Example(
            """\
-- 1. 005_orders_published.up.sql: in the migration of the swap
alter publication shop add table orders;
-- afterwards, on each subscriber: alter subscription shop refresh publication
"""
        ),
    ),
    page=f"{_DOCS}sql-alterpublication.html",
)

RULES: tuple[Rule, ...] = (
    UNIQUE_REMOVED,
    FOREIGN_KEY_REMOVED,
    CHECK_REMOVED,
    CHECK_REPLACED,
    TRIGGER_REMOVED,
    REPLICA_IDENTITY_MISSING,
    NO_LONGER_PUBLISHED,
)
