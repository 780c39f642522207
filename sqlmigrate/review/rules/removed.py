"""Rules of what is gone or has another name, while the application of before is still running."""

from __future__ import annotations

from .rule import Instead, Rule

_DOCS = "https://www.postgresql.org/docs/current"
_FIRST = "-- first a release of the application that does not use it any more; then\n"

RULES: tuple[Rule, ...] = (
    Rule(
        "drop-table",
        "danger",
        "a table is gone",
        "While the migration runs, and until the last instance has been replaced, the application of before still"
        " reads and writes it. Its rows are gone for good.",
        (
            Instead(
                f"{_FIRST}-- 1. 005_retire_legacy_orders.up.sql: out of the way, and quickly back\n"
                "alter table legacy_orders rename to legacy_orders_unused;\n"
                "-- 2. 009_drop_legacy_orders.up.sql: some weeks later, after a backup\n"
                "drop table legacy_orders_unused;"
            ),
        ),
        ("drop-table", "drop-table-fk"),
        f"{_DOCS}/sql-droptable.html",
    ),
    Rule(
        "drop-column",
        "danger",
        "a column is gone",
        "The application of before still names it, in SELECT, INSERT or a list of columns that it read when it"
        " started. What was in it is gone for good.",
        (
            Instead(
                f"{_FIRST}-- 1. 005_customers_fax_nullable.up.sql: let inserts go without it\n"
                "alter table customers alter column fax drop not null;\n"
                "-- 2. 006_drop_customers_fax.up.sql: takes an instant\n"
                "-- sqlmigrate: allow drop-column (nobody reads it since release 12)\n"
                "alter table customers drop column fax;"
            ),
        ),
        ("drop-col",),
        f"{_DOCS}/sql-altertable.html#SQL-ALTERTABLE-DESC-DROP-COLUMN",
    ),
    Rule(
        "drop-view",
        "danger",
        "a view is gone",
        "Whoever still selects from it gets an error: the application of before, and reports that no repository knows.",
        (
            Instead(
                f"{_FIRST}-- 1. 005_drop_open_orders.up.sql\n"
                "-- sqlmigrate: allow drop-view (reports use orders since release 12)\n"
                "drop view open_orders;"
            ),
        ),
        page=f"{_DOCS}/sql-dropview.html",
    ),
    Rule(
        "drop-function",
        "danger",
        "a function is gone",
        "Whoever still calls it gets an error. PostgreSQL knows which triggers, views and defaults call a function, but"
        " not which bodies of other functions do.",
        (
            Instead(
                f"{_FIRST}-- 1. 005_drop_order_total.up.sql\n"
                "-- sqlmigrate: allow drop-function (nobody calls it since release 12)\n"
                "drop function order_total(bigint);"
            ),
        ),
        page=f"{_DOCS}/sql-dropfunction.html",
    ),
    Rule(
        "drop-type",
        "danger",
        "a type is gone",
        "The application of before may still cast to it, or have its OID in prepared statements.",
        (
            Instead(
                f"{_FIRST}-- 1. 005_drop_order_state.up.sql\n"
                "-- sqlmigrate: allow drop-type (states are text since release 12)\n"
                "drop type order_state;"
            ),
        ),
        ("drop-type-cascade",),
        f"{_DOCS}/sql-droptype.html",
    ),
    Rule(
        "rename-table",
        "danger",
        "a table has another name",
        "There is no instant in which the application of before and the new one both work: the one asks for the old"
        " name, the other for the new one.",
        (
            Instead(
                "-- 1. 005_rename_orders.up.sql: the old name stays, as a view that can be written to\n"
                "-- sqlmigrate: allow rename-table (a view has the old name)\n"
                "alter table orders rename to purchases;\n"
                "create view orders as select * from purchases;\n"
                "-- 2. 006_drop_orders_view.up.sql: when no release uses the old name\n"
                "drop view orders;"
            ),
        ),
        ("rename-table",),
        f"{_DOCS}/sql-createview.html#SQL-CREATEVIEW-UPDATABLE-VIEWS",
    ),
    Rule(
        "rename-column",
        "danger",
        "a column has another name",
        "There is no instant in which the application of before and the new one both work: the one asks for the old"
        " name, the other for the new one.",
        (
            Instead(
                "-- 1. 005_add_full_name.up.sql: a second column, kept the same by a trigger\n"
                "alter table customers add column full_name text;\n"
                "-- 2. 006_fill_full_name.up.sql: in batches\n"
                "update customers set full_name = name where id between 1 and 10000;\n"
                "-- 3. 007_drop_name.up.sql: when no release uses the old column\n"
                "alter table customers drop column name;"
            ),
        ),
        ("rename-col",),
        f"{_DOCS}/sql-altertable.html",
    ),
    Rule(
        "rename-enum-value",
        "danger",
        "a label of an enum has another name",
        "The application of before writes the old label and gets an error, and does not know the new one that it"
        " reads.",
        (
            Instead(
                "-- 1. 005_order_state_shipped.up.sql: a second label\n"
                "alter type order_state add value 'shipped' after 'sent';\n"
                "-- 2. 006_orders_shipped.up.sql: when the application knows both\n"
                "update orders set state = 'shipped' where state = 'sent';"
            ),
        ),
        ("enum-rename",),
        f"{_DOCS}/sql-altertype.html",
    ),
    Rule(
        "set-schema",
        "danger",
        "something lies in another schema",
        "The application of before asks for it in the old schema. Where search_path has both, its statements still"
        " work, but those that name the schema do not.",
        (
            Instead(
                "-- 1. 005_move_orders.up.sql: the old place stays, as a view that can be written to\n"
                "-- sqlmigrate: allow set-schema (a view stands in the old place)\n"
                "alter table orders set schema shop;\n"
                "create view public.orders as select * from shop.orders;"
            ),
        ),
        ("set-schema",),
        f"{_DOCS}/sql-altertable.html",
    ),
    Rule(
        "rename-schema",
        "danger",
        "a schema has another name",
        "Everything in it has another name from one moment to the next. It takes no lock on any table, so it even"
        " happens between two statements of one transaction.",
        (
            Instead(
                "-- 1. 005_schema_shop.up.sql: a second schema, with views of the tables\n"
                "create schema shop;\n"
                "create view shop.orders as select * from legacy.orders;"
            ),
        ),
        ("rename-schema",),
        f"{_DOCS}/sql-alterschema.html",
    ),
    Rule(
        "cascade-drops-dependents",
        "danger",
        "CASCADE drops what the file does not name",
        "Whoever reads the file does not see what goes. In production there may be more that depends on it than here.",
        (
            Instead(
                "-- 1. 005_drop_legacy_orders.up.sql: name each thing, and leave CASCADE out\n"
                "drop view legacy_report;\n"
                "drop table legacy_orders;"
            ),
        ),
        ("drop-type-cascade", "drop-table-cascade"),
        f"{_DOCS}/ddl-depend.html",
    ),
    Rule(
        "truncate",
        "danger",
        "every row of a table is gone",
        "TRUNCATE takes an ACCESS EXCLUSIVE lock, fires no row triggers, and with CASCADE empties every table that"
        " references this one.",
        (
            Instead(
                "-- outside of the migrations, some thousand rows at a time\n"
                "delete from sessions where id in (select id from sessions where expired limit 5000);"
            ),
        ),
        ("truncate",),
        f"{_DOCS}/sql-truncate.html",
    ),
    Rule(
        "rows-lost",
        "danger",
        "a table has fewer rows than before",
        "The migration deletes rows that were there. On rows of production it may be many more than on those made up"
        " for the review.",
        (
            Instead(
                "-- 1. 005_delete_test_orders.up.sql: keep what goes, until nobody misses it\n"
                "create table orders_before_005 as select * from orders where is_test;\n"
                "-- sqlmigrate: allow rows-lost (kept in orders_before_005)\n"
                "delete from orders where is_test;"
            ),
        ),
        page=f"{_DOCS}/sql-delete.html",
    ),
    Rule(
        "function-body-broken",
        "danger",
        "a function names what is gone",
        "PostgreSQL does not know what the body of a function in a string uses. It fails at its next call. A body"
        " written as BEGIN ATOMIC is known, from PostgreSQL 14 on.",
        (
            Instead(
                "-- 1. 005_total_without_discount.up.sql: first the function\n"
                "create or replace function order_total(o bigint) returns numeric language sql\n"
                "    as $$ select sum(price) from items where items.order_id = o $$;\n"
                "-- 2. 006_drop_discount.up.sql: then the column\n"
                "alter table items drop column discount;"
            ),
            Instead(
                "-- 1. 005_total_without_discount.up.sql: first the function; PostgreSQL knows what this body uses\n"
                "create or replace function order_total(o bigint) returns numeric language sql\n"
                "    begin atomic select sum(price) from items where items.order_id = o; end;\n"
                "-- 2. 006_drop_discount.up.sql: then the column\n"
                "alter table items drop column discount;",
                14,
            ),
        ),
        ("dropcol_breaks_functions", "begin_atomic_tracked"),
        f"{_DOCS}/sql-createfunction.html",
    ),
)
