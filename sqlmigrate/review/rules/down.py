"""The rules of down files: whether there is one, whether it works, and whether it restores everything."""

from __future__ import annotations

from .rule import Example, Rule

_DOCS = "https://www.postgresql.org/docs/current/"

DOWN_MISSING = Rule(
    "down-missing",
    "warning",
    "there is no down file",
    (
        "If the release has to be rolled back, somebody writes the missing statements in a hurry, in production. A "
        "project with almost no down files gets one note for the whole review."
    ),
    examples=(
        Example(
            """\
-- 005_add_currency.down.sql
alter table orders drop column currency;
-- or, if it cannot be rolled back, at the head of 005_drop_legacy.up.sql
-- sqlmigrate: irreversible (the dropped rows cannot be restored)
"""
        ),
    ),
)
DOWN_FAILS = Rule(
    "down-fails",
    "danger",
    "the down file fails",
    (
        "The down file was executed right after the up file, on the same database, and PostgreSQL refused one "
        "of its statements. It will fail at the moment when it is needed."
    ),
    examples=(
        Example(
            """\
-- 005_add_invoices.down.sql: the steps of the up file in reverse order
drop view open_invoices;
drop table invoices;
"""
        ),
    ),
    page=f"{_DOCS}ddl-depend.html",
    can_be_allowed=False,
)
DOWN_INCOMPLETE = Rule(
    "down-incomplete",
    "danger",
    "the schema differs after up and down",
    (
        "After the up file and the down file, every object was compared with its state before. An object that "
        "is left behind makes the next up fail or do nothing. An object that is missing may be needed by the "
        "application. A comment, or a setting that only plans depend on, is a note. An unused object that is left "
        "behind is a warning, if up can be executed again. A constraint that the up file validates may stay validated, "
        "and one that comes back may be NOT VALID: it holds for new rows in both cases. A label of an enum stays with "
        "a note: PostgreSQL has no statement that removes it. Write ADD VALUE IF NOT EXISTS, so that up can be "
        "executed again."
    ),
    examples=(
        Example(
            """\
-- 005_add_invoices.down.sql: drop every object that the up file creates
drop index orders_invoice;
alter table orders drop column invoice;
drop table invoices;
drop type invoice_state;
"""
        ),
    ),
)
DOWN_COLUMN_ORDER = Rule(
    "down-column-order",
    "note",
    "the order of columns differs after up and down",
    (
        "A column that is dropped and added again becomes the last one. INSERT without column names, SELECT * "
        "and COPY depend on the order. Statements that name their columns do not."
    ),
)
DATA_NOT_RESTORED = Rule(
    "data-not-restored",
    "danger",
    "rows differ after up and down",
    (
        "The schema is restored, the rows are not: the counts and checksums of all rows that existed before "
        "were compared. A down file cannot restore what the up file deleted, unless the up file keeps a copy."
    ),
    examples=(
        Example(
            """\
-- 1. 005_drop_fax.up.sql: keep a copy of what cannot be computed
create table customers_fax_before_005 as select id, fax from customers where fax is not null;
-- sqlmigrate: allow drop-column (no release uses it any more)
alter table customers drop column fax;
-- 005_drop_fax.down.sql
alter table customers add column fax text;
update customers c set fax = k.fax from customers_fax_before_005 k where k.id = c.id;
drop table customers_fax_before_005;
-- or, at the head of the up file
-- sqlmigrate: irreversible (fax numbers are not used any more)
"""
        ),
    ),
)
DOWN_LOSES_NEW_DATA = Rule(
    "down-loses-new-data",
    "note",
    "down loses rows or values that are written after up",
    (
        "The down file drops a column that the up file creates and fills. That is its task. But if the "
        "release is rolled back after a week, the values written in that week are lost. It is a warning if the "
        "up file has put another table, or another column, in the place of an old one, and the down file gives "
        "the name back: the old one lacks every row that was written since."
    ),
    examples=(
        Example(
            """\
-- 1. 005_new_products.up.sql
create table products_new (like products including all);
insert into products_new select * from products;
alter table products rename to products_old;
alter table products_new rename to products;
-- 005_new_products.down.sql: copy back what was written since, then give the name back
insert into products_old (id, sku, price)
select id, sku, price from products
on conflict (id) do update set sku = excluded.sku, price = excluded.price;
drop table products;
alter table products_old rename to products;
"""
        ),
    ),
)
REAPPLY_FAILS = Rule(
    "reapply-fails",
    "danger",
    "a second up after down fails or ends differently",
    (
        "The review executes up, down, and up again. The down file restored the schema, but the second up "
        "failed or left other objects or rows than the first. In production, a release that was rolled back "
        "could not be deployed again."
    ),
    examples=(
        Example(
            """\
-- 005_countries.down.sql: delete the rows that the up file inserts
delete from countries where code = 'XK';
"""
        ),
    ),
)
DOWN_BLOCKS = Rule(
    "down-blocks",
    "warning",
    "the down file blocks production",
    (
        "A release is rolled back while the application is in use. The down file does work that grows with a table, "
        "while a lock blocks others. It is a warning, because a down file is rarely executed in production. A "
        "constraint can come back NOT VALID: it then holds for new rows, and no row is read."
    ),
    examples=(
        Example(
            """\
-- 005_drop_orders_state_index.down.sql
create index concurrently orders_state on orders (state);
"""
        ),
    ),
    page=f"{_DOCS}explicit-locking.html",
)

RULES: tuple[Rule, ...] = (
    DOWN_MISSING,
    DOWN_FAILS,
    DOWN_INCOMPLETE,
    DOWN_COLUMN_ORDER,
    DATA_NOT_RESTORED,
    DOWN_LOSES_NEW_DATA,
    REAPPLY_FAILS,
    DOWN_BLOCKS,
)
