"""The rules of objects that are dropped or renamed while the running application still uses them."""

from __future__ import annotations

from .rule import Example, Rule

_DOCS = "https://www.postgresql.org/docs/current/"

DROP_TABLE = Rule(
    "drop-table",
    "danger",
    "a table is dropped",
    (
        "During the migration, and until the last instance of the old release has stopped, the application "
        "still reads and writes the table. Its rows are lost."
    ),
    examples=(
        Example(
            """\
-- first release an application that does not use it any more; then
-- 1. 005_drop_legacy_orders.up.sql: some weeks later, after a backup
-- sqlmigrate: allow drop-table (no release uses it any more)
drop table legacy_orders;
"""
        ),
    ),
    page=f"{_DOCS}sql-droptable.html",
)
DROP_COLUMN = Rule(
    "drop-column",
    "danger",
    "a column is dropped",
    (
        "The running application still names the column: in SELECT, in INSERT, or in a list of columns that "
        "it read when it started. The values of the column are lost."
    ),
    examples=(
        Example(
            """\
-- first release an application that does not use it any more; then
-- 1. 005_customers_fax_nullable.up.sql: INSERT may omit the column
alter table customers alter column fax drop not null;
-- 2. 006_drop_customers_fax.up.sql: takes an instant
-- sqlmigrate: allow drop-column (unused since release 12)
alter table customers drop column fax;
"""
        ),
    ),
    page=f"{_DOCS}sql-altertable.html#SQL-ALTERTABLE-DESC-DROP-COLUMN",
)
DROP_VIEW = Rule(
    "drop-view",
    "danger",
    "a view is dropped",
    (
        "Everything that still selects from it gets an error: the running application, and reports that are "
        "in no repository."
    ),
    examples=(
        Example(
            """\
-- first release an application that does not use it any more; then
-- 1. 005_drop_open_orders.up.sql
-- sqlmigrate: allow drop-view (reports use orders since release 12)
drop view open_orders;
"""
        ),
    ),
    page=f"{_DOCS}sql-dropview.html",
)
DROP_FUNCTION = Rule(
    "drop-function",
    "danger",
    "a function is dropped",
    (
        "Everything that still calls it gets an error. PostgreSQL knows which triggers, views and defaults "
        "call a function, but not which bodies of other functions do."
    ),
    examples=(
        Example(
            """\
-- first release an application that does not use it any more; then
-- 1. 005_drop_order_total.up.sql
-- sqlmigrate: allow drop-function (not called since release 12)
drop function order_total(bigint);
"""
        ),
    ),
    page=f"{_DOCS}sql-dropfunction.html",
)
DROP_TYPE = Rule(
    "drop-type",
    "danger",
    "a type is dropped",
    "The running application may still cast to it, or have its OID in prepared statements.",
    examples=(
        Example(
            """\
-- first release an application that does not use it any more; then
-- 1. 005_drop_order_state.up.sql
-- sqlmigrate: allow drop-type (states are text since release 12)
drop type order_state;
"""
        ),
    ),
    page=f"{_DOCS}sql-droptype.html",
)
RENAME_TABLE = Rule(
    "rename-table",
    "danger",
    "a table is renamed",
    (
        "The old release of the application uses the old name, and the new release uses the new name. There "
        "is no moment at which both work."
    ),
    examples=(
        Example(
            """\
-- 1. 005_rename_orders.up.sql: the old name stays as an updatable view
alter table orders rename to purchases;
create view orders as select * from purchases;
-- 2. 006_drop_orders_view.up.sql: later, when no release uses the old name; then allow drop-view
drop view orders;
"""
        ),
    ),
    page=f"{_DOCS}sql-createview.html#SQL-CREATEVIEW-UPDATABLE-VIEWS",
)
RENAME_COLUMN = Rule(
    "rename-column",
    "danger",
    "a column is renamed",
    (
        "The old release of the application uses the old name, and the new release uses the new name. There "
        "is no moment at which both work."
    ),
    examples=(
        Example(
            """\
-- 1. 005_add_full_name.up.sql: a second column, kept equal by a trigger
alter table customers add column full_name text;
create function customers_full_name() returns trigger language plpgsql as $$
begin
    if tg_op = 'INSERT' then
        new.full_name := coalesce(new.full_name, new.name);
        new.name := new.full_name;
    elsif new.full_name is distinct from old.full_name then
        new.name := new.full_name;
    else
        new.full_name := new.name;
    end if;
    return new;
end
$$;
create trigger customers_full_name before insert or update on customers
    for each row execute function customers_full_name();
-- 2. 006_fill_full_name.up.sql: in batches
-- sqlmigrate: allow commits-inside (batches of 5000 rows)
-- sqlmigrate: no-transaction
do $$
begin
    loop
        update customers set full_name = name
         where id in (select id from customers where full_name is null and name is not null limit 5000);
        exit when not found;
        commit;
    end loop;
end
$$;
-- 3. 007_drop_name.up.sql: when no release uses the old column
drop trigger customers_full_name on customers;
drop function customers_full_name();
-- sqlmigrate: allow drop-column (no release uses it any more)
alter table customers drop column name;
"""
        ),
    ),
    page=f"{_DOCS}sql-altertable.html",
)
RENAME_ENUM_VALUE = Rule(
    "rename-enum-value",
    "danger",
    "an enum label is renamed",
    (
        "The running application writes the old label and gets an error. It also reads the new label, which "
        "it does not know."
    ),
    examples=(
        Example(
            """\
-- 1. 005_order_state_shipped.up.sql: a second label
alter type order_state add value 'shipped' after 'sent';
-- 2. 006_orders_shipped.up.sql: when every running release knows both
update orders set state = 'shipped' where state = 'sent';
"""
        ),
    ),
    page=f"{_DOCS}sql-altertype.html",
)
ENUM_LABEL_REMOVED = Rule(
    "enum-label-removed",
    "danger",
    "an enum label is gone",
    (
        "PostgreSQL has no statement that drops a label, so the type is created again without it. The running "
        "application still writes the label, or compares with it, and gets an error: invalid input value (22P02)."
    ),
    examples=(
        Example(
            """\
-- first release an application that does not use the label any more; then
-- 1. 005_orders_no_draft.up.sql: a CHECK, and the label stays in the type
alter table orders add constraint orders_no_draft check (state <> 'draft') not valid;
-- 2. 006_check_orders_no_draft.up.sql
alter table orders validate constraint orders_no_draft;
"""
        ),
    ),
    page=f"{_DOCS}datatype-enum.html#DATATYPE-ENUM-IMPLEMENTATION-DETAILS",
)
SET_SCHEMA = Rule(
    "set-schema",
    "danger",
    "an object moved to another schema",
    (
        "The running application looks for the object in the old schema. If search_path has both schemas its "
        "statements still work, except those that name the schema."
    ),
    examples=(
        Example(
            """\
-- 1. 005_move_orders.up.sql: an updatable view stays in the old schema
alter table orders set schema shop;
create view public.orders as select * from shop.orders;
"""
        ),
    ),
    page=f"{_DOCS}sql-altertable.html",
)
RENAME_SCHEMA = Rule(
    "rename-schema",
    "danger",
    "a schema is renamed",
    (
        "The names of all objects in it change at the same moment. The rename locks no table, so it can "
        "happen even between two statements of one transaction."
    ),
    examples=(
        Example(
            """\
-- 1. 005_schema_shop.up.sql: a second schema, with views of the tables
create schema shop;
create view shop.orders as select * from legacy.orders;
"""
        ),
    ),
    page=f"{_DOCS}sql-alterschema.html",
)
CASCADE_DROPS_DEPENDENTS = Rule(
    "cascade-drops-dependents",
    "danger",
    "CASCADE drops objects that the file does not name",
    (
        "A reviewer cannot see in the text what is dropped. In production more objects may depend on it than "
        "on the review's server."
    ),
    examples=(
        Example(
            """\
-- 1. 005_drop_legacy_orders.up.sql: name each object, without CASCADE
-- sqlmigrate: allow drop-view (no release uses it any more)
-- sqlmigrate: allow drop-table (no release uses it any more)
drop view legacy_report;
drop table legacy_orders;
"""
        ),
    ),
    page=f"{_DOCS}ddl-depend.html",
)
TRUNCATE = Rule(
    "truncate",
    "danger",
    "every row of a table is removed",
    (
        "TRUNCATE takes an ACCESS EXCLUSIVE lock, fires no row triggers, and with CASCADE empties every table "
        "that references this one."
    ),
    examples=(
        Example(
            """\
-- outside of migrations, some thousand rows at a time
delete from sessions where id in (select id from sessions where expired limit 5000);
"""
        ),
    ),
    page=f"{_DOCS}sql-truncate.html",
)
ROWS_LOST = Rule(
    "rows-lost",
    "danger",
    "a table has fewer rows than before",
    (
        "The migration deletes rows that existed before it. In production it may delete many more rows than "
        "it does here, where the rows are generated."
    ),
    examples=(
        Example(
            """\
-- 1. 005_delete_test_orders.up.sql: keep a copy for some weeks
create table orders_before_005 as select * from orders where is_test;
-- sqlmigrate: allow rows-lost (kept in orders_before_005)
delete from orders where is_test;
"""
        ),
    ),
    page=f"{_DOCS}sql-delete.html",
)
FUNCTION_BODY_BROKEN = Rule(
    "function-body-broken",
    "danger",
    "a function uses an object that no longer exists",
    (
        "PostgreSQL does not know what a function body that is a string uses, so the function fails at its "
        "next call. From PostgreSQL 14 on, it knows what a body written as BEGIN ATOMIC uses."
    ),
    examples=(
        Example(
            """\
-- 1. 005_total_without_discount.up.sql: first the function
create or replace function order_total(o bigint) returns numeric language sql
    as $$ select sum(price) from items where items.order_id = o $$;
-- 2. 006_drop_discount.up.sql: then the column
-- sqlmigrate: allow drop-column (no release uses it any more)
alter table items drop column discount;
"""
        ),
        Example(
            """\
-- 1. 005_total_without_discount.up.sql: first the function, with a body that PostgreSQL can check
create or replace function order_total(o bigint) returns numeric language sql
    begin atomic select sum(price) from items where items.order_id = o; end;
-- 2. 006_drop_discount.up.sql: then the column
-- sqlmigrate: allow drop-column (no release uses it any more)
alter table items drop column discount;
""",
            14,
        ),
    ),
    page=f"{_DOCS}sql-createfunction.html",
)

RULES: tuple[Rule, ...] = (
    DROP_TABLE,
    DROP_COLUMN,
    DROP_VIEW,
    DROP_FUNCTION,
    DROP_TYPE,
    RENAME_TABLE,
    RENAME_COLUMN,
    RENAME_ENUM_VALUE,
    ENUM_LABEL_REMOVED,
    SET_SCHEMA,
    RENAME_SCHEMA,
    CASCADE_DROPS_DEPENDENTS,
    TRUNCATE,
    ROWS_LOST,
    FUNCTION_BODY_BROKEN,
)
