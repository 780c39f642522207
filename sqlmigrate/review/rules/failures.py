"""The rules of statements that fail on the shadow server, or have no effect there."""

from __future__ import annotations

from .rule import Example, Rule

_DOCS = "https://www.postgresql.org/docs/current/"

STATEMENT_FAILS = Rule(
    "statement-fails",
    "danger",
    "PostgreSQL refuses a statement",
    (
        "The statement failed on a database that was built from the migrations before it. It will fail in "
        "production too, and stop the release there."
    ),
    page=f"{_DOCS}errcodes-appendix.html",
    can_be_allowed=False,
)
NOT_IN_TRANSACTION = Rule(
    "not-in-transaction",
    "danger",
    "a statement cannot run in a transaction",
    (
        "A migration of several statements runs in one transaction. PostgreSQL refuses CREATE INDEX "
        "CONCURRENTLY, VACUUM, CREATE DATABASE, ALTER SYSTEM and a COMMIT inside a DO block there. Put such a "
        "statement alone into a file: then it is executed without a transaction. A file with several of them, "
        "or with a DO block that commits, needs the directive `no-transaction`. So does a file with a statement "
        "whose words do not show it: DROP SUBSCRIPTION of a subscription with a slot, REINDEX or CLUSTER of a "
        "partitioned table, a function of an extension that asks for it."
    ),
    examples=(
        Example(
            """\
-- 1. 005_index_orders_customer.up.sql: alone in its file
create index concurrently orders_customer on orders (customer);
"""
        ),
    ),
    page=f"{_DOCS}sql-createindex.html#SQL-CREATEINDEX-CONCURRENTLY",
    can_be_allowed=False,
)
TRANSACTION_CONTROL_IN_FILE = Rule(
    "transaction-control-in-file",
    "danger",
    "a migration begins or ends its transaction itself",
    (
        "sqlmigrate executes a file and records it in the history in one transaction. A COMMIT in the middle "
        "would split that transaction: half of the migration could stay, without an entry in the history. A "
        "BEGIN and a COMMIT around the whole file are fine."
    ),
    examples=(
        Example(
            """\
-- 1. 005_add_currency.up.sql: without BEGIN and COMMIT
alter table orders add column currency text;
-- 2. 006_currency_default.up.sql: a second transaction needs a second file
alter table orders alter column currency set default 'EUR';
"""
        ),
    ),
    page=f"{_DOCS}tutorial-transactions.html",
    can_be_allowed=False,
)
ENUM_VALUE_USED_IN_SAME_TRANSACTION = Rule(
    "enum-value-used-in-same-transaction",
    "danger",
    "a new enum value is used before it is committed",
    (
        "A value that ALTER TYPE ... ADD VALUE adds cannot be used until that transaction is committed, not "
        "even as the default of a column. Before PostgreSQL 12 the statement cannot run in a transaction at "
        "all."
    ),
    examples=(
        Example(
            """\
-- 1. 005_order_state_paid.up.sql
alter type order_state add value 'paid';
-- 2. 006_orders_paid.up.sql
alter table orders alter column state set default 'paid';
"""
        ),
    ),
    page=f"{_DOCS}sql-altertype.html",
    can_be_allowed=False,
)
FAILS_ON_DATA = Rule(
    "fails-on-data",
    "warning",
    "a statement fails on rows that the schema allows",
    (
        "The schema allows rows on which this statement fails: a NULL, a duplicate, a value that the new "
        "check forbids, or one that does not convert to the new type. The review generated such rows, deleted "
        "them from its own copy, and executed the rest of the migration. Only a query on production can tell whether "
        "production has some; the finding has it. Fix those rows in an earlier migration. A type that becomes "
        "narrower, such as a shorter text, is told even if all generated rows fit. An error that a "
        "function or a trigger raises may come from generated rows too. A constraint also refuses such rows of the "
        "running application, with NOT VALID too: first release an application that writes none."
    ),
    examples=(
        Example(
            """\
-- first release an application that always sets an email; then
-- ask production whether there are such rows
select count(*) from customers where email is null;
-- 1. 005_fill_customers_email.up.sql: first fix the rows, in batches
-- sqlmigrate: allow commits-inside (batches of 5000 rows)
-- sqlmigrate: no-transaction
do $$
begin
    loop
        update customers set email = 'unknown'
         where id in (select id from customers where email is null limit 5000);
        exit when not found;
        commit;
    end loop;
end
$$;
-- 2. 006_customers_email_not_null.up.sql: from now on no new row has a NULL
-- sqlmigrate: allow new-not-null-without-default (every release since 12 sets a value)
alter table customers add constraint customers_email_not_null check (email is not null) not valid;
-- 3. 007_check_customers_email.up.sql: reads the table without blocking writes
alter table customers validate constraint customers_email_not_null;
-- 4. 008_set_customers_email_not_null.up.sql: reads nothing, because the constraint proves it
alter table customers alter column email set not null;
alter table customers drop constraint customers_email_not_null;
"""
        ),
    ),
    page=f"{_DOCS}ddl-constraints.html",
)
ADD_COLUMN_NOT_NULL_NO_DEFAULT = Rule(
    "add-column-not-null-no-default",
    "danger",
    "a NOT NULL column without a default is added to a table with rows",
    "The existing rows would have NULL in the new column, so the statement fails as soon as the table has a row.",
    examples=(
        Example(
            """\
-- 1. 005_add_currency.up.sql: a constant default takes an instant, with any number of rows
alter table orders add column currency text not null default 'EUR';
""",
            11,
        ),
    ),
    page=f"{_DOCS}sql-altertable.html#SQL-ALTERTABLE-DESC-ADD-COLUMN",
    can_be_allowed=False,
)
CONCURRENTLY_ON_PARTITIONED = Rule(
    "concurrently-on-partitioned",
    "danger",
    "CONCURRENTLY is used on a partitioned table",
    (
        "PostgreSQL cannot build or drop an index of a partitioned table with CONCURRENTLY. It can do so for "
        "the index of each partition."
    ),
    examples=(
        Example(
            """\
-- 1. 005_events_at.up.sql: on the parent only, not valid yet
create index events_at on only events (at);
-- 2. 006_events_2025_at.up.sql: one such file for each partition
create index concurrently events_2025_at on events_2025 (at);
-- 3. 007_attach_events_at.up.sql: attaching the last one makes the parent's index valid
alter index events_at attach partition events_2025_at;
"""
        ),
    ),
    page=f"{_DOCS}ddl-partitioning.html#DDL-PARTITIONING-DECLARATIVE-MAINTENANCE",
    can_be_allowed=False,
)
NO_EFFECT = Rule(
    "no-effect",
    "danger",
    "IF NOT EXISTS hides that a different object exists already",
    (
        "With IF NOT EXISTS PostgreSQL compares the name only. An object of that name with other columns, "
        "another type or another definition stays as it is, and the history records the migration as "
        "executed."
    ),
    examples=(
        Example(
            """\
-- 1. 005_add_currency.up.sql: without IF NOT EXISTS an existing column is an error
alter table orders add column currency text;
"""
        ),
    ),
    page=f"{_DOCS}sql-createtable.html",
)
NEEDS_NEWER_SERVER = Rule(
    "needs-newer-server",
    "danger",
    "a statement needs a newer PostgreSQL",
    (
        "The report names the version of the review's server, which does not know this syntax. If production "
        "has a newer version, review on that version: --postgres 18, or --shadow-url."
    ),
    page=f"{_DOCS}release.html",
    can_be_allowed=False,
)
HANGS = Rule(
    "hangs",
    "danger",
    "a statement hit the review's timeout",
    (
        "The statement ran longer than the review's timeout (--timeout), on tables of a few hundred rows. In "
        "production it would hold its locks at least as long."
    ),
    examples=(
        Example(
            """\
-- a loop needs a certain end: no rows left, or a maximum number of rounds
do $$
begin
    for round in 1 .. 1000 loop
        update orders set currency = 'EUR'
         where id in (select id from orders where currency is null limit 1000);
        exit when not found;
    end loop;
end $$;
"""
        ),
    ),
    page=f"{_DOCS}runtime-config-client.html#GUC-STATEMENT-TIMEOUT",
    can_be_allowed=False,
)
MISSING_EXTENSION = Rule(
    "missing-extension",
    "warning",
    "the review's server lacks an extension",
    (
        "The statement needs an extension that is not installed on the review's server, so what follows could "
        "not be executed. If production has the extension, review on a server that has it: --shadow-url."
    ),
    page=f"{_DOCS}sql-createextension.html",
)
MISSING_ROLE = Rule(
    "missing-role",
    "warning",
    "the review's server lacks a role",
    (
        "The review creates roles that migrations only name, as GRANT does. This role is needed for more than "
        "that. Review on a server that has it (--shadow-url), or create it in a migration."
    ),
    page=f"{_DOCS}sql-createrole.html",
)
NEEDS_MORE_RIGHTS = Rule(
    "needs-more-rights",
    "warning",
    "a statement needs more rights than the owner of the database has",
    (
        "New migrations are executed by a role that owns its database and is not a superuser, so that a pull "
        "request cannot reach the server's files and programs. What follows this statement was not executed. If "
        "production runs migrations with more rights, and you trust the files, --trusted executes them as a "
        "superuser. On a server of --shadow-url they then have the rights of its role. An extension that needs a "
        "superuser is named instead: --extension postgis has the server's administrator create it first."
    ),
    page=f"{_DOCS}role-attributes.html",
)

RULES: tuple[Rule, ...] = (
    STATEMENT_FAILS,
    NOT_IN_TRANSACTION,
    TRANSACTION_CONTROL_IN_FILE,
    ENUM_VALUE_USED_IN_SAME_TRANSACTION,
    FAILS_ON_DATA,
    ADD_COLUMN_NOT_NULL_NO_DEFAULT,
    CONCURRENTLY_ON_PARTITIONED,
    NO_EFFECT,
    NEEDS_NEWER_SERVER,
    HANGS,
    MISSING_EXTENSION,
    MISSING_ROLE,
    NEEDS_MORE_RIGHTS,
)
