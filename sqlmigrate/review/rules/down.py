"""Rules of the way back: is there one, does it work, and is everything as it was."""

from __future__ import annotations

from .rule import Instead, Rule

_DOCS = "https://www.postgresql.org/docs/current"

RULES: tuple[Rule, ...] = (
    Rule(
        "down-missing",
        "warning",
        "there is no way back",
        "When the release has to be taken back, somebody writes the missing statements in a hurry, in production.",
        (
            Instead(
                "-- 005_add_currency.down.sql\n"
                "alter table orders drop column currency;\n"
                "-- or, where there is no way back, at the head of 005_drop_legacy.up.sql\n"
                "-- sqlmigrate: irreversible (the rows are gone for good)"
            ),
        ),
    ),
    Rule(
        "down-fails",
        "danger",
        "the down file fails",
        "It was executed right after the up file, on the same database, and PostgreSQL refused a statement of it. It"
        " will fail in the hour in which it is needed.",
        (
            Instead(
                "-- 005_add_invoices.down.sql: the steps of the up file backwards, what depends on others first\n"
                "drop view open_invoices;\n"
                "drop table invoices;"
            ),
        ),
        page=f"{_DOCS}/ddl-depend.html",
        can_be_allowed=False,
    ),
    Rule(
        "down-incomplete",
        "danger",
        "up and down leave another schema than there was",
        "After the up file and the down file every object was compared with what was there before. What is left"
        " behind makes the next up fail or do nothing; what is missing, the application may need.",
        (
            Instead(
                "-- 005_add_invoices.down.sql: take back each thing that the up file makes\n"
                "drop index orders_invoice;\n"
                "alter table orders drop column invoice;\n"
                "drop table invoices;\n"
                "drop type invoice_state;"
            ),
        ),
    ),
    Rule(
        "down-column-order",
        "note",
        "the columns stand in another order after up and down",
        "A column that is dropped and added again stands last. INSERT without names of columns, SELECT * and COPY see"
        " the difference; whatever names its columns does not.",
    ),
    Rule(
        "data-not-restored",
        "danger",
        "rows are not what they were after up and down",
        "The schema is back, the rows are not: counts and checksums of the rows that were there before were compared."
        " A down file cannot bring back what the up file has thrown away, unless the up file keeps it.",
        (
            Instead(
                "-- 1. 005_drop_fax.up.sql: keep what cannot be computed\n"
                "create table customers_fax_before_005 as select id, fax from customers where fax is not null;\n"
                "alter table customers drop column fax;\n"
                "-- 005_drop_fax.down.sql\n"
                "alter table customers add column fax text;\n"
                "update customers c set fax = k.fax from customers_fax_before_005 k where k.id = c.id;\n"
                "drop table customers_fax_before_005;\n"
                "-- or, at the head of the up file\n"
                "-- sqlmigrate: irreversible (nobody has a fax any more)"
            ),
        ),
    ),
    Rule(
        "down-loses-new-data",
        "note",
        "down drops what people write after up",
        "The down file drops a column that the up file makes and fills. That is its task. Whoever takes the release"
        " back after a week loses what was written into it in that week.",
    ),
    Rule(
        "reapply-fails",
        "danger",
        "up, down and up again does not end as up did",
        "The down file restored the schema, and yet a second up fails, or ends otherwise than the first. After a"
        " release that was taken back the repaired one cannot be installed.",
        (
            Instead(
                "-- 005_countries.down.sql: rows that the up file inserts are taken back too\n"
                "delete from countries where code in ('XK', 'SS');"
            ),
        ),
    ),
    Rule(
        "down-blocks",
        "danger",
        "the down file stops people working",
        "A release is taken back while people work. The same rules hold for the down file as for the up file: no work"
        " that grows with a table under a lock that others wait for.",
        (
            Instead(
                "-- 005_index_orders_customer.down.sql\n"
                "-- sqlmigrate: no-transaction\n"
                "drop index concurrently orders_customer;"
            ),
        ),
        page=f"{_DOCS}/explicit-locking.html",
    ),
)
