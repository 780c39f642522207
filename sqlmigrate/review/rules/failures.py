"""Rules of what fails on the shadow, or does nothing there."""

from __future__ import annotations

from .rule import Instead, Rule

_DOCS = "https://www.postgresql.org/docs/current"

RULES: tuple[Rule, ...] = (
    Rule(
        "statement-fails",
        "danger",
        "PostgreSQL refuses a statement",
        "The statement failed on a database that was built from the migrations before it. It will fail in production"
        " as well, and stop the release there.",
        page=f"{_DOCS}/errcodes-appendix.html",
        facts=("type-view", "or-replace-view-drop", "matview-refresh-conc-nouq"),
        can_be_allowed=False,
    ),
    Rule(
        "not-in-transaction",
        "danger",
        "a statement that cannot run in a transaction",
        "A migration of several statements runs in one transaction. CREATE INDEX CONCURRENTLY, VACUUM, CREATE DATABASE,"
        " ALTER SYSTEM and a COMMIT inside a DO block refuse to run in one. Alone in its file such a statement runs in"
        " none.",
        (
            Instead(
                "-- 1. 005_index_orders_customer.up.sql: alone in its file\n"
                "-- sqlmigrate: no-transaction\n"
                "create index concurrently orders_customer on orders (customer);"
            ),
        ),
        ("notx-0", "notx-1", "commit-in-do"),
        f"{_DOCS}/sql-createindex.html#SQL-CREATEINDEX-CONCURRENTLY",
        can_be_allowed=False,
    ),
    Rule(
        "transaction-control-in-file",
        "danger",
        "a migration begins or ends its transaction itself",
        "sqlmigrate puts the whole file and its entry in the history into one transaction. A COMMIT in the middle would"
        " cut that in two: half of the migration could stay, with no entry in the history. A BEGIN and a COMMIT around"
        " the whole file are fine.",
        (
            Instead(
                "-- 1. 005_add_currency.up.sql: without BEGIN and COMMIT\n"
                "alter table orders add column currency text;\n"
                "-- 2. 006_fill_currency.up.sql: what needs a transaction of its own has a file of its own\n"
                "update orders set currency = 'EUR' where currency is null;"
            ),
        ),
        page=f"{_DOCS}/tutorial-transactions.html",
        can_be_allowed=False,
    ),
    Rule(
        "enum-value-used-in-same-transaction",
        "danger",
        "a new enum value is used before it is committed",
        "A value that ALTER TYPE ... ADD VALUE adds cannot be used until that transaction is committed, not even as the"
        " default of a column. Before PostgreSQL 12 the statement cannot run in a transaction at all.",
        (
            Instead(
                "-- 1. 005_order_state_paid.up.sql\n"
                "alter type order_state add value 'paid';\n"
                "-- 2. 006_orders_paid.up.sql\n"
                "update orders set state = 'paid' where paid_at is not null;"
            ),
        ),
        ("enum-add-use", "enum-create-use"),
        f"{_DOCS}/sql-altertype.html",
        can_be_allowed=False,
    ),
    Rule(
        "fails-on-data",
        "warning",
        "a statement fails on rows that the tables allow",
        "The schema allows rows on which this statement fails: a NULL, a duplicate, a value outside the new check or"
        " too long for the new type. The review made such rows; whether production has some, only a query there can"
        " tell.",
        (
            Instead(
                "-- ask production first; no row may come back\n"
                "select email, count(*) from customers group by email having count(*) > 1;\n"
                "-- 1. 005_merge_duplicate_customers.up.sql: put the rows in order\n"
                "delete from customers c using customers d where c.email = d.email and c.id > d.id;\n"
                "-- 2. 006_customers_email_key.up.sql: then the constraint\n"
                "-- sqlmigrate: no-transaction\n"
                "create unique index concurrently customers_email_key on customers (email);"
            ),
        ),
        ("unique-conc-duplicates", "cast-fails"),
        f"{_DOCS}/ddl-constraints.html",
    ),
    Rule(
        "add-column-not-null-no-default",
        "danger",
        "a NOT NULL column without a default, on a table with rows",
        "The rows that are there would have NULL in the new column, so the statement fails as soon as there is one.",
        (
            Instead(
                "-- 1. 005_add_currency.up.sql: a constant default takes an instant, however many rows there are\n"
                "alter table orders add column currency text not null default 'EUR';",
                11,
            ),
        ),
        ("add-col-notnull-nodefault",),
        f"{_DOCS}/sql-altertable.html#SQL-ALTERTABLE-DESC-ADD-COLUMN",
        can_be_allowed=False,
    ),
    Rule(
        "concurrently-on-partitioned",
        "danger",
        "CONCURRENTLY on a partitioned table",
        "PostgreSQL cannot build or drop an index of a partitioned table concurrently. Each partition's index can be.",
        (
            Instead(
                "-- 1. 005_events_at.up.sql: an index of the parent alone, not valid yet\n"
                "create index events_at on only events (at);\n"
                "-- 2. 006_events_2025_at.up.sql: one such file for each partition\n"
                "-- sqlmigrate: no-transaction\n"
                "create index concurrently events_2025_at on events_2025 (at);\n"
                "-- 3. 007_attach_events_at.up.sql: the last one makes the parent's index valid\n"
                "alter index events_at attach partition events_2025_at;"
            ),
        ),
        ("index-partitioned-conc",),
        f"{_DOCS}/ddl-partitioning.html#DDL-PARTITIONING-DECLARATIVE-MAINTENANCE",
        can_be_allowed=False,
    ),
    Rule(
        "no-effect",
        "danger",
        "IF NOT EXISTS hides that another shape is there already",
        "With IF NOT EXISTS PostgreSQL looks at the name alone. An object of that name with other columns, another type"
        " or another definition stays as it is, and the migration is entered in the history as done.",
        (
            Instead(
                "-- 1. 005_add_currency.up.sql: without IF NOT EXISTS, so that a surprise is an error\n"
                "alter table orders add column currency text;"
            ),
        ),
        ("add-col-ine", "index-ine-exists", "cic_if_not_exists_invalid"),
        f"{_DOCS}/sql-createtable.html",
    ),
    Rule(
        "needs-newer-server",
        "danger",
        "a statement that only a newer PostgreSQL understands",
        "The server of the review has the version named in the report, and does not know this syntax. If production"
        " has a newer one, review on that: --postgres 18, or --shadow-url.",
        page=f"{_DOCS}/release.html",
        can_be_allowed=False,
    ),
    Rule(
        "hangs",
        "danger",
        "a statement did not end",
        "The statement ran longer than the review lets it, on tables of a few hundred rows. In production it holds its"
        " locks as long.",
        (
            Instead(
                "-- a loop needs an end that is sure to come: no more rows to do, or a number of rounds\n"
                "do $$\n"
                "begin\n"
                "    for round in 1 .. 1000 loop\n"
                "        update orders set currency = 'EUR'\n"
                "         where id in (select id from orders where currency is null limit 1000);\n"
                "        exit when not found;\n"
                "    end loop;\n"
                "end $$;"
            ),
        ),
        page=f"{_DOCS}/runtime-config-client.html#GUC-STATEMENT-TIMEOUT",
        can_be_allowed=False,
    ),
    Rule(
        "missing-extension",
        "warning",
        "an extension that the review's server lacks",
        "The statement needs an extension that is not installed where the review was done, so what follows could not be"
        " executed. Production may have it: review on a server that does, with --shadow-url.",
        page=f"{_DOCS}/sql-createextension.html",
    ),
    Rule(
        "missing-role",
        "warning",
        "a role that the review's server lacks",
        "The review makes the roles that migrations only name. This one is needed for more than that. Review on a"
        " server that has it, with --shadow-url, or make it in a migration.",
        page=f"{_DOCS}/sql-createrole.html",
    ),
    Rule(
        "needs-more-rights",
        "warning",
        "a statement that needs more rights than the owner of the database has",
        "The review runs as a role that owns its database and is no superuser, because a pull request must not reach"
        " the files and programs of the server. What follows this statement was not executed. Where production runs"
        " migrations with more rights, review on a server where the role has them, with --shadow-url.",
        page=f"{_DOCS}/role-attributes.html",
    ),
)
