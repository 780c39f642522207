"""The rules of objects that stay but behave differently: columns, grants, triggers, sequences."""

from __future__ import annotations

from .rule import Example, Rule

_DOCS = "https://www.postgresql.org/docs/current/"

COLUMN_DEFAULT_REMOVED = Rule(
    "column-default-removed",
    "warning",
    "a NOT NULL column lost its default",
    "INSERT statements that omit the column worked until now, and fail from now on.",
    examples=(
        Example(
            """\
-- first release an application that always sets a value; then
-- 1. 005_orders_currency_no_default.up.sql
alter table orders alter column currency drop default;
"""
        ),
    ),
    page=f"{_DOCS}ddl-default.html",
)
NEW_NOT_NULL_WITHOUT_DEFAULT = Rule(
    "new-not-null-without-default",
    "warning",
    "a NOT NULL column that the running application does not set",
    "INSERT statements of the running application omit the column, or write NULL to it. They fail.",
    examples=(
        Example(
            """\
-- 1. 005_orders_currency.up.sql: a default for statements that omit the column
alter table orders add column currency text not null default 'EUR';
-- 2. 006_orders_currency_no_default.up.sql: when every running release sets a value
alter table orders alter column currency drop default;
"""
        ),
    ),
    page=f"{_DOCS}ddl-constraints.html#DDL-CONSTRAINTS-NOT-NULL",
)
GRANTS_LOST = Rule(
    "grants-lost",
    "danger",
    "a re-created object lost its grants",
    (
        "DROP removes the grants of an object, and CREATE gives a new object only the default ones. Roles "
        "that could use it get `permission denied`."
    ),
    examples=(
        Example(
            """\
-- 1. 005_open_orders.up.sql: replace a view or a function in place: it keeps its grants
create or replace view open_orders as select id, state from orders where state <> 'done';
-- or grant again, in the same migration
drop view open_orders;
create view open_orders as select state from orders where state <> 'done';
grant select on open_orders to reporting;
"""
        ),
    ),
    page=f"{_DOCS}ddl-priv.html",
)
OWNER_CHANGED = Rule(
    "owner-changed",
    "danger",
    "an object has a new owner",
    (
        "Only its owner may alter or drop it, so the next migration may fail. Row level security does not "
        "apply to the owner, and a SECURITY DEFINER function runs with the rights of its owner."
    ),
    examples=(
        Example(
            """\
-- grant rights instead of changing the owner
grant select, insert, update, delete on orders to shop;
"""
        ),
    ),
    page=f"{_DOCS}sql-altertable.html",
)
RLS_WITHOUT_POLICY = Rule(
    "rls-without-policy",
    "danger",
    "row level security without a policy hides every row",
    (
        "If row level security is enabled and there is no policy, everyone except the owner and superusers "
        "sees an empty table and cannot write to it."
    ),
    examples=(
        Example(
            """\
-- 1. 005_orders_rls.up.sql: the policy first, in the same transaction
create policy own_orders on orders using (owner = current_user);
alter table orders enable row level security;
"""
        ),
    ),
    page=f"{_DOCS}ddl-rowsecurity.html",
)
POLICY_REMOVED = Rule(
    "policy-removed",
    "danger",
    "a policy of row level security is dropped",
    (
        "Without a permissive policy, users no longer see their own rows. Without a restrictive policy, they "
        "see the rows of others."
    ),
    examples=(
        Example(
            """\
-- 1. 005_own_orders.up.sql: change the policy in place
alter policy own_orders on orders using (owner = current_user or is_public);
"""
        ),
    ),
    page=f"{_DOCS}sql-alterpolicy.html",
)
RLS_DISABLED = Rule(
    "rls-disabled",
    "danger",
    "row level security is disabled, so every role sees every row",
    "The policies still exist and have no effect. Every role that may read the table reads the rows of everyone.",
    examples=(
        Example(
            """\
-- a policy for the one role that needs all rows
create policy reporting_sees_all on orders for select to reporting using (true);
"""
        ),
    ),
    page=f"{_DOCS}ddl-rowsecurity.html",
)
TRIGGER_DISABLED = Rule(
    "trigger-disabled",
    "warning",
    "a trigger is disabled",
    (
        "What the trigger kept correct, or logged, is no longer kept correct or logged. In most tools a "
        "disabled trigger looks like an enabled one."
    ),
    examples=(
        Example(
            """\
-- 1. 005_drop_orders_audit.up.sql: drop a trigger that is not needed any more
drop trigger orders_audit on orders;
-- or, for one batch of rows only, in a superuser's session
set local session_replication_role = replica;
"""
        ),
    ),
    page=f"{_DOCS}sql-altertable.html#SQL-ALTERTABLE-DESC-DISABLE-ENABLE-TRIGGER",
)
SEQUENCE_BEHIND_DATA = Rule(
    "sequence-behind-data",
    "danger",
    "a sequence is behind the values of its column",
    (
        "Rows were inserted with explicit values, which do not advance the sequence. The next INSERT that "
        "uses the sequence gets a value that is taken."
    ),
    examples=(
        Example(
            """\
-- 1. 005_countries.up.sql: set the sequence after the rows, in the same migration
insert into countries (id, name) values (1, 'Kosovo'), (2, 'South Sudan');
select setval(pg_get_serial_sequence('countries', 'id'), (select max(id) from countries));
"""
        ),
    ),
    page=f"{_DOCS}functions-sequence.html",
)
FK_WITHOUT_INDEX = Rule(
    "fk-without-index",
    "note",
    "a foreign key has no index on its columns",
    (
        "Each DELETE of a referenced row, and each change of its key, looks for rows that reference it. "
        "Without an index on the referencing columns it reads the whole table each time."
    ),
    examples=(
        Example(
            """\
-- 1. 005_index_orders_customer.up.sql
create index concurrently orders_customer on orders (customer);
-- 2. 006_orders_customer_fkey.up.sql
alter table orders add constraint orders_customer_fkey
    foreign key (customer) references customers not valid;
-- 3. 007_validate_orders_customer_fkey.up.sql
alter table orders validate constraint orders_customer_fkey;
"""
        ),
    ),
    page=f"{_DOCS}ddl-constraints.html#DDL-CONSTRAINTS-FK",
)

RULES: tuple[Rule, ...] = (
    COLUMN_DEFAULT_REMOVED,
    NEW_NOT_NULL_WITHOUT_DEFAULT,
    GRANTS_LOST,
    OWNER_CHANGED,
    RLS_WITHOUT_POLICY,
    POLICY_REMOVED,
    RLS_DISABLED,
    TRIGGER_DISABLED,
    SEQUENCE_BEHIND_DATA,
    FK_WITHOUT_INDEX,
)
