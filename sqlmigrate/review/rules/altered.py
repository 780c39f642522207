"""Rules of what stays and behaves otherwise: columns, rights, triggers, sequences."""

from __future__ import annotations

from .rule import Instead, Rule

_DOCS = "https://www.postgresql.org/docs/current"

RULES: tuple[Rule, ...] = (
    Rule(
        "column-default-removed",
        "warning",
        "a NOT NULL column has lost its default",
        "INSERT statements that leave the column out worked until now, and fail from now on.",
        (
            Instead(
                "-- first a release of the application that always gives a value; then\n"
                "-- 1. 005_orders_currency_no_default.up.sql\n"
                "alter table orders alter column currency drop default;"
            ),
        ),
        page=f"{_DOCS}/ddl-default.html",
    ),
    Rule(
        "new-not-null-without-default",
        "warning",
        "a NOT NULL column that the application of before does not fill",
        "INSERT statements of the application of before leave the column out, or write NULL into it. They fail.",
        (
            Instead(
                "-- 1. 005_orders_currency.up.sql: a default for those who do not know the column\n"
                "alter table orders add column currency text not null default 'EUR';\n"
                "-- 2. 006_orders_currency_no_default.up.sql: when every release gives a value\n"
                "alter table orders alter column currency drop default;"
            ),
        ),
        page=f"{_DOCS}/ddl-constraints.html#DDL-CONSTRAINTS-NOT-NULL",
    ),
    Rule(
        "grants-lost",
        "danger",
        "what was made anew has not the rights of before",
        "DROP takes the rights along, and CREATE gives those of a new object. Roles that could use it get `permission"
        " denied`.",
        (
            Instead(
                "-- 1. 005_open_orders.up.sql: replace a view or a function in place, it keeps its rights\n"
                "create or replace view open_orders as select id, state from orders where state <> 'done';\n"
                "-- or give them again, in the same migration\n"
                "drop view open_orders;\n"
                "create view open_orders as select state from orders where state <> 'done';\n"
                "grant select on open_orders to reporting;"
            ),
        ),
        page=f"{_DOCS}/ddl-priv.html",
    ),
    Rule(
        "owner-changed",
        "danger",
        "something has another owner",
        "Only its owner may alter or drop it: the next migration may fail. Row level security does not hold for the"
        " owner, and a SECURITY DEFINER function runs with the rights of its owner.",
        (Instead("-- give rights instead of the ownership\ngrant select, insert, update, delete on orders to shop;"),),
        page=f"{_DOCS}/sql-altertable.html",
    ),
    Rule(
        "rls-without-policy",
        "danger",
        "row level security without a policy: nobody sees a row",
        "With row level security on and no policy, everybody but the owner and superusers sees an empty table and"
        " cannot write.",
        (
            Instead(
                "-- 1. 005_orders_rls.up.sql: the policy first, in the same transaction\n"
                "create policy own_orders on orders using (owner = current_user);\n"
                "alter table orders enable row level security;"
            ),
        ),
        page=f"{_DOCS}/ddl-rowsecurity.html",
    ),
    Rule(
        "policy-removed",
        "danger",
        "a policy of row level security is gone",
        "Without a permissive policy people no longer see their rows; without a restrictive one they see those of"
        " others.",
        (
            Instead(
                "-- 1. 005_own_orders.up.sql: change it in place\n"
                "alter policy own_orders on orders using (owner = current_user or is_public);"
            ),
        ),
        page=f"{_DOCS}/sql-alterpolicy.html",
    ),
    Rule(
        "rls-disabled",
        "danger",
        "row level security is off: everybody sees every row",
        "The policies are still there and do nothing. Whoever may read the table reads the rows of everybody.",
        (
            Instead(
                "-- let the one role through that needs all rows\n"
                "create policy reporting_sees_all on orders for select to reporting using (true);"
            ),
        ),
        page=f"{_DOCS}/ddl-rowsecurity.html",
    ),
    Rule(
        "trigger-disabled",
        "warning",
        "a trigger no longer fires",
        "What it kept right, or wrote down, is no longer kept right or written down. A disabled trigger looks like a"
        " working one in most tools.",
        (
            Instead(
                "-- 1. 005_drop_orders_audit.up.sql: what is not needed any more, is dropped\n"
                "drop trigger orders_audit on orders;\n"
                "-- for one batch of rows only, in a session of a superuser\n"
                "set local session_replication_role = replica;"
            ),
        ),
        page=f"{_DOCS}/sql-altertable.html#SQL-ALTERTABLE-DESC-DISABLE-ENABLE-TRIGGER",
    ),
    Rule(
        "sequence-behind-data",
        "danger",
        "a sequence is behind the values of its column",
        "Rows were inserted with values of their own. The sequence does not know of them, and the next INSERT that asks"
        " it gets a value that is taken.",
        (
            Instead(
                "-- 1. 005_countries.up.sql: after the rows, in the same migration\n"
                "insert into countries (id, name) values (1, 'Kosovo'), (2, 'South Sudan');\n"
                "select setval(pg_get_serial_sequence('countries', 'id'), (select max(id) from countries));"
            ),
        ),
        page=f"{_DOCS}/functions-sequence.html",
    ),
    Rule(
        "fk-without-index",
        "note",
        "a foreign key whose columns have no index",
        "Each DELETE of a referenced row, and each change of its key, looks for rows that reference it. Without an"
        " index on the referencing columns it reads the whole table each time.",
        (
            Instead(
                "-- 1. 005_index_orders_customer.up.sql\n"
                "-- sqlmigrate: no-transaction\n"
                "create index concurrently orders_customer on orders (customer);\n"
                "-- 2. 006_orders_customer_fkey.up.sql\n"
                "alter table orders add constraint orders_customer_fkey\n"
                "    foreign key (customer) references customers not valid;\n"
                "-- 3. 007_validate_orders_customer_fkey.up.sql\n"
                "alter table orders validate constraint orders_customer_fkey;"
            ),
        ),
        page=f"{_DOCS}/ddl-constraints.html#DDL-CONSTRAINTS-FK",
    ),
)
