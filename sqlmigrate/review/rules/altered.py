"""The rules of objects that stay but behave differently: columns, grants, triggers, sequences."""

from __future__ import annotations

from .rule import Example, Rule

_DOCS = "https://www.postgresql.org/docs/current/"

COLUMN_DEFAULT_REMOVED = Rule(
    "column-default-removed",
    "danger",
    "a column lost its default, its identity or its expression",
    (
        "INSERT statements that omit the column worked until now. From now on they fail if the column is NOT NULL "
        "(23502), and write NULL if it is not."
    ),
    examples=(
        Example(
            """\
-- first release an application that always sets a value; then
-- 1. 005_orders_currency_no_default.up.sql
-- sqlmigrate: allow column-default-removed (every release since 12 sets a value)
alter table orders alter column currency drop default;
"""
        ),
    ),
    page=f"{_DOCS}ddl-default.html",
)
NEW_NOT_NULL_WITHOUT_DEFAULT = Rule(
    "new-not-null-without-default",
    "danger",
    "a NOT NULL column that the running application does not set",
    (
        "INSERT statements of the running application omit the column, or write NULL to it. They fail. A CHECK that "
        "refuses NULL does the same. With NOT VALID the rows that exist are not checked at once, but an UPDATE of any "
        "column of such a row fails as well, as long as it holds NULL."
    ),
    examples=(
        Example(
            """\
-- 1. 005_orders_currency.up.sql: a default for statements that omit the column
alter table orders add column currency text not null default 'EUR';
-- 2. 006_orders_currency_no_default.up.sql: when every running release sets a value
-- sqlmigrate: allow column-default-removed (every release since 12 sets a value)
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
create view open_orders as select id, state from orders where state <> 'done';
grant select on open_orders to reporting;
"""
        ),
    ),
    page=f"{_DOCS}ddl-priv.html",
)
RIGHTS_REVOKED = Rule(
    "rights-revoked",
    "warning",
    "a role has lost rights",
    (
        "A statement of the running application that needs the right fails with `permission denied` (42501). The "
        "role that the migrations run as is often not the one of the application, so a test does not show it."
    ),
    examples=(
        Example(
            """\
-- first release an application that does not write invoices any more; then
-- 1. 005_invoices_read_only.up.sql
-- sqlmigrate: allow rights-revoked (shop only reads invoices since release 12)
revoke insert, update on invoices from shop;
"""
        ),
    ),
    page=f"{_DOCS}sql-revoke.html",
)
EXECUTE_REVOKED = Rule(
    "execute-revoked",
    "danger",
    "a role may no longer call a function that a policy, view, default or index needs",
    (
        "A function in a policy, a view, a default, a CHECK, a generated column or an index is called with the rights "
        "of the role whose statement uses it. Without EXECUTE the whole statement fails (42501), also a mere SELECT. "
        "A trigger is different: only CREATE TRIGGER checks the right."
    ),
    examples=(
        Example(
            """\
-- 1. 005_is_member.up.sql: grant it to the roles whose statements use the policy, in the same migration
revoke execute on function is_member(bigint) from public;
grant execute on function is_member(bigint) to shop;
"""
        ),
    ),
    page=f"{_DOCS}sql-createpolicy.html",
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
POLICY_CHANGED = Rule(
    "policy-changed",
    "warning",
    "a policy of row level security is changed",
    (
        "Rows that a role reads or writes today may be hidden from it, and others may be shown. A statement that "
        "writes a row which the policy does not accept fails (42501)."
    ),
    examples=(
        Example(
            """\
-- 1. 005_own_orders.up.sql: a second policy, while the old one still applies; permissive ones add up
create policy own_or_public_orders on orders using (owner = current_user or is_public);
-- 2. 006_drop_own_orders.up.sql: when it is known to be right
-- sqlmigrate: allow policy-removed (own_or_public_orders permits the same rows)
drop policy own_orders on orders;
"""
        ),
    ),
    page=f"{_DOCS}sql-alterpolicy.html",
)
VIEW_SECURITY_CHANGED = Rule(
    "view-security-changed",
    "danger",
    "a view checks the rights of another role, or hides less",
    (
        "CREATE OR REPLACE VIEW keeps the grants, but replaces all options: without WITH (security_invoker = true) the "
        "view reads with the rights of its owner again, and row level security no longer applies to the role that asks."
    ),
    examples=(
        Example(
            """\
-- 1. 005_own_orders.up.sql: repeat the options
create or replace view own_orders with (security_invoker = true) as select id, state, total from orders;
""",
            15,
        ),
    ),
    page=f"{_DOCS}sql-createview.html",
)
FUNCTION_BEHAVES_DIFFERENTLY = Rule(
    "function-behaves-differently",
    "warning",
    "a function has other properties than before",
    (
        "CREATE OR REPLACE FUNCTION sets everything that it does not say to the default: VOLATILE, SECURITY INVOKER, "
        "not STRICT, no SET search_path. Who calls the function gets no error, but another result, other rights, or a "
        "slow plan."
    ),
    examples=(
        Example(
            """\
-- 1. 005_total_of.up.sql: repeat the properties that the function has
create or replace function total_of(o bigint) returns numeric language sql
    stable strict security definer set search_path = public
    as $$ select total from orders where id = o $$;
"""
        ),
    ),
    page=f"{_DOCS}sql-createfunction.html",
)
OVERLOAD_AMBIGUOUS = Rule(
    "overload-ambiguous",
    "danger",
    "a new function makes calls of an old one ambiguous",
    (
        "CREATE OR REPLACE FUNCTION with another list of arguments creates a second function. If both fit a call "
        "equally well, for example because the new argument has a default, the call fails: function is not unique "
        "(42725)."
    ),
    examples=(
        Example(
            """\
-- 1. 005_price_of.up.sql: a function of another name, or without a default
create function price_of_reduced(item bigint, reduction int) returns int language sql stable
    as $$ select n - reduction from items where id = item $$;
"""
        ),
    ),
    page=f"{_DOCS}typeconv-func.html",
)
OVERLOAD_TAKES_CALLS = Rule(
    "overload-takes-calls",
    "warning",
    "a new function takes over calls of an old one",
    (
        "PostgreSQL chooses the function whose arguments fit best. The running application calls the new one from now "
        "on, without an error. Views, triggers and defaults still call the old one."
    ),
    examples=(
        Example(
            """\
-- 1. 005_price_of.up.sql: a function of another name
create function price_of_numeric(item numeric) returns int language sql stable
    as $$ select n from items where id = item $$;
"""
        ),
    ),
    page=f"{_DOCS}xfunc-overload.html",
)
TRIGGER_DISABLED = Rule(
    "trigger-disabled",
    "warning",
    "a trigger is disabled",
    (
        "The trigger changed values or wrote a log, and does not do so now. In most tools a "
        "disabled trigger looks like an enabled one."
    ),
    examples=(
        Example(
            """\
-- 1. 005_drop_orders_audit.up.sql: drop a trigger that is not needed any more
-- sqlmigrate: allow trigger-removed (the application writes the log itself)
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

FROZEN_TIME = Rule(
    "frozen-time",
    "warning",
    "a view, a default or a check is fixed to the time of the migration",
    (
        "PostgreSQL replaces 'now', 'today', 'tomorrow' and 'yesterday' by a constant as soon as it reads them as a "
        "date or time. A view, a default, a CHECK or the condition of an index keeps that constant: every later row "
        "and query uses the time at which the migration was executed. now(), localtimestamp and current_date are "
        "evaluated by each statement."
    ),
    examples=(
        Example(
            """\
-- 1. 005_recent_orders.up.sql: a function, not a constant
create view recent_orders as
    select id, total from orders where paid_at > now() - interval '1 month';
"""
        ),
    ),
    page=f"{_DOCS}datatype-datetime.html#DATATYPE-DATETIME-SPECIAL-VALUES",
)

RULES: tuple[Rule, ...] = (
    COLUMN_DEFAULT_REMOVED,
    NEW_NOT_NULL_WITHOUT_DEFAULT,
    GRANTS_LOST,
    RIGHTS_REVOKED,
    EXECUTE_REVOKED,
    OWNER_CHANGED,
    RLS_WITHOUT_POLICY,
    POLICY_REMOVED,
    RLS_DISABLED,
    POLICY_CHANGED,
    VIEW_SECURITY_CHANGED,
    FUNCTION_BEHAVES_DIFFERENTLY,
    OVERLOAD_AMBIGUOUS,
    OVERLOAD_TAKES_CALLS,
    TRIGGER_DISABLED,
    SEQUENCE_BEHIND_DATA,
    FK_WITHOUT_INDEX,
    FROZEN_TIME,
)
