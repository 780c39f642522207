"""The rules of swaps: another table or column gets an old name."""

from __future__ import annotations

from .rule import Example, Rule

_DOCS = "https://www.postgresql.org/docs/current/"

REFERS_TO_OLD_TABLE = Rule(
    "refers-to-old-table",
    "danger",
    "a foreign key or a view still refers to the table that had the name",
    (
        "Foreign keys, views, policies and functions written as BEGIN ATOMIC know a table by its OID. After a rename "
        "they refer to the old table under its new name. A row that references a new row is refused (23503), ON DELETE "
        "CASCADE does not happen, and a view shows the rows of the past."
    ),
    examples=(
        Example(
            """\
-- 1. 005_posts_author.up.sql: after the swap, a foreign key to the new table
alter table posts drop constraint posts_author_fkey,
    add constraint posts_author_users foreign key (author) references users (id) not valid;
-- 2. 006_check_posts_author.up.sql
alter table posts validate constraint posts_author_users;
"""
        ),
    ),
    page=f"{_DOCS}sql-altertable.html",
)
COLUMN_VALUES_LOST = Rule(
    "column-values-lost",
    "danger",
    "a column without the old values has the name of an old one",
    (
        "The running application reads NULL or the default where it wrote values. What it writes from now on is not in "
        "the old column, so a rename back loses it."
    ),
    examples=(
        Example(
            """\
-- 1. 005_builds_number.up.sql: a new column under a new name, written by the application
alter table builds add column build_number bigint;
-- 2. outside of migrations: fill it, some thousand rows at a time
update builds set build_number = build_id where id between 1 and 5000 and build_number is null;
"""
        ),
    ),
    page=f"{_DOCS}sql-altertable.html",
)
COLUMN_NOT_COPIED = Rule(
    "column-not-copied",
    "danger",
    "a new table does not have the values that a column had in the old table",
    (
        "The rows were copied without this column, so PostgreSQL gives each row a new value: the next number, the "
        "default, or NULL. If the column is a key, rows of other tables, links, caches and other systems that have the "
        "old ids then mean another row. Generated rows have ids without gaps, so their new ids may be equal to the old "
        "ones. Production's ids have gaps."
    ),
    examples=(
        Example(
            """\
-- 1. 005_new_products.up.sql: copy the ids too, and set the sequence after them
create table products_new (id bigint generated always as identity primary key, title text not null);
insert into products_new (id, title) overriding system value select id, title from products;
select setval(pg_get_serial_sequence('products_new', 'id'), (select max(id) from products_new));
alter table products rename to products_old;
alter table products_new rename to products;
"""
        ),
    ),
    page=f"{_DOCS}sql-insert.html",
)
INDEX_NOT_COPIED = Rule(
    "index-not-copied",
    "warning",
    "a new table does not have an index that the old table had",
    (
        "An index belongs to one table. After a swap, the old table still has the index, and the new table does not "
        "have it. Queries that used the index then read the whole new table. CREATE TABLE ... (LIKE ... INCLUDING "
        "ALL) creates the same indexes. If the same file creates the table, building its indexes blocks no other "
        "session, because other sessions cannot see the table yet."
    ),
    examples=(
        Example(
            """\
-- 1. 005_new_products.up.sql: the new table has the indexes of the old one
create table products_new (like products including all);
insert into products_new select * from products;
alter table products rename to products_old;
alter table products_new rename to products;
"""
        ),
    ),
    page=f"{_DOCS}sql-createtable.html",
)
COLUMN_TYPE_DIFFERS = Rule(
    "column-type-differs",
    "warning",
    "a column of another type has the name of an old one",
    (
        "Values that the running application writes may not fit, and it may not be able to read what it gets. "
        "Statements that it prepared fail once: cached plan must not change result type (0A000)."
    ),
    examples=(
        Example(
            """\
-- 1. 005_orders_number.up.sql: a new column under a new name
alter table orders add column number_text text;
"""
        ),
    ),
    page=f"{_DOCS}sql-prepare.html",
)
COLUMN_WIDENED = Rule(
    "column-widened",
    "note",
    "a column of a wider type has the name of an old one",
    (
        "Each old value fits into the new type. Statements that the running application prepared fail once: cached "
        "plan must not change result type (0A000). A driver that binds types strictly must know the new type."
    ),
    page=f"{_DOCS}sql-prepare.html",
)
COLUMN_NOT_WRITABLE = Rule(
    "column-not-writable",
    "danger",
    "a column that the running application writes is generated now",
    (
        "An INSERT or UPDATE that gives a generated column a value other than DEFAULT fails (428C9). The same holds "
        "for an INSERT into an identity column that is GENERATED ALWAYS."
    ),
    examples=(
        Example(
            """\
-- 1. 005_orders_total.up.sql: the generated column gets a name of its own
alter table orders add column total_computed numeric generated always as (price * amount) stored;
"""
        ),
    ),
    page=f"{_DOCS}ddl-generated-columns.html",
)

RULES: tuple[Rule, ...] = (
    REFERS_TO_OLD_TABLE,
    COLUMN_VALUES_LOST,
    COLUMN_NOT_COPIED,
    INDEX_NOT_COPIED,
    COLUMN_TYPE_DIFFERS,
    COLUMN_WIDENED,
    COLUMN_NOT_WRITABLE,
)
