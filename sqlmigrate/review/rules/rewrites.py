"""The rules of rewrites: a table is written anew, or its indexes, while everyone waits.

https://www.postgresql.org/docs/current/sql-altertable.html#SQL-ALTERTABLE-NOTES
"""

from __future__ import annotations

from .rule import Instead, Rule

_DOCS = "https://www.postgresql.org/docs/current/"
_ALTER = f"{_DOCS}sql-altertable.html"
_NOTES = f"{_ALTER}#SQL-ALTERTABLE-NOTES"

RULES: tuple[Rule, ...] = (
    Rule(
        "add-column-volatile-default",
        "danger",
        "a new column with a volatile default rewrites the table while everyone waits",
        "A constant default, or now(), is over in an instant. A default that gives another value for each row, such as "
        "clock_timestamp(), random() or gen_random_uuid(), writes the whole table and its indexes anew under ACCESS "
        "EXCLUSIVE. Add the column without a default, set the default for new rows, and fill the old ones in batches.",
        (
            Instead(
                """\
-- 1. 005_orders_token.up.sql
alter table orders add column token uuid;
alter table orders alter column token set default gen_random_uuid();
-- 2. 006_fill_orders_token.up.sql: in batches, see `sqlmigrate explain bulk-dml`
-- sqlmigrate: no-transaction
update orders set token = gen_random_uuid() where token is null and id < 5000;
"""
            ),
        ),
        (
            "add-col-clock",
            "add-col-uuid",
            "add-col-userfn",
            "add-col-userfn-inlined",
            "add-col-const",
            "add-col-now",
            "set-default-vol",
        ),
        _NOTES,
    ),
    Rule(
        "add-column-serial",
        "danger",
        "a new serial or identity column rewrites the table while everyone waits",
        "Each row gets a number of its own, so the whole table and its indexes are written anew under ACCESS "
        "EXCLUSIVE. Add a plain column and a sequence, number the new rows by a default, and the old ones in batches.",
        (
            Instead(
                """\
-- 1. 005_orders_number.up.sql
create sequence orders_number_seq;
alter table orders add column number bigint;
alter table orders alter column number set default nextval('orders_number_seq');
alter sequence orders_number_seq owned by orders.number;
-- 2. 006_fill_orders_number.up.sql: in batches, see `sqlmigrate explain bulk-dml`
-- sqlmigrate: no-transaction
update orders set number = nextval('orders_number_seq')
 where id in (select id from orders where number is null limit 5000);
"""
            ),
        ),
        ("add-col-serial", "add-col-identity", "add-col-nextval"),
        _NOTES,
    ),
    Rule(
        "add-column-stored-generated",
        "danger",
        "a new stored generated column rewrites the table while everyone waits",
        "GENERATED ... STORED computes a value for every row, so the whole table and its indexes are written anew "
        "under ACCESS EXCLUSIVE. A VIRTUAL column (from 18) is computed when it is read and added in an instant. "
        "Before that, keep a plain column by a trigger and fill it in batches.",
        (
            Instead(
                """\
-- 1. 005_orders_gross.up.sql
alter table orders add column gross numeric;
create function orders_gross() returns trigger language plpgsql as $$
begin
    new.gross := new.net * 1.2;
    return new;
end
$$;
create trigger orders_gross before insert or update on orders
    for each row execute function orders_gross();
-- 2. 006_fill_orders_gross.up.sql: in batches, see `sqlmigrate explain bulk-dml`
-- sqlmigrate: no-transaction
update orders set gross = net * 1.2 where gross is null and id < 5000;
""",
                12,
            ),
            Instead(
                """\
-- 1. 005_orders_gross.up.sql
alter table orders add column gross numeric generated always as (net * 1.2) virtual;
""",
                18,
            ),
        ),
        ("add-col-stored", "add-col-virtual"),
        f"{_DOCS}ddl-generated-columns.html",
    ),
    Rule(
        "add-column-constrained-domain",
        "danger",
        "a new column of a domain with a constraint rewrites the table while everyone waits",
        "Also where it is NULL in every row: PostgreSQL up to 18 checks the domain's constraint row by row, and "
        "writes the whole table anew under ACCESS EXCLUSIVE. Use the base type, and put the constraint on the table as "
        "NOT VALID.",
        (
            Instead(
                """\
-- 1. 005_orders_email.up.sql
alter table orders add column email text;
alter table orders add constraint orders_email_check check (email like '%@%') not valid;
-- 2. 006_check_orders_email.up.sql
alter table orders validate constraint orders_email_check;
"""
            ),
        ),
        ("add-col-domain", "add-col-domain-plain"),
        _NOTES,
    ),
    Rule(
        "type-change-rewrite",
        "danger",
        "a change of type rewrites the table while everyone waits",
        "Where the stored form differs, as from integer to bigint, the whole table and all its indexes are written "
        "anew under ACCESS EXCLUSIVE. Free are: a longer varchar, varchar to text, a wider numeric of the same scale, "
        "timestamp to timestamptz in a session with TimeZone = UTC. Else: a new column, kept by a trigger, filled in "
        "batches, and put in the old one's place.",
        (
            Instead(
                """\
-- 1. 005_orders_total_new.up.sql
alter table orders add column total_new bigint;
create function orders_total_new() returns trigger language plpgsql as $$
begin
    new.total_new := new.total;
    return new;
end
$$;
create trigger orders_total_new before insert or update on orders
    for each row execute function orders_total_new();
-- 2. 006_fill_orders_total_new.up.sql: in batches, see `sqlmigrate explain bulk-dml`
-- sqlmigrate: no-transaction
update orders set total_new = total where total_new is distinct from total and id < 5000;
-- 3. 007_swap_orders_total.up.sql
drop trigger orders_total_new on orders;
drop function orders_total_new();
alter table orders rename column total to total_old;
alter table orders rename column total_new to total;
"""
            ),
        ),
        (
            "type-int-bigint",
            "type-varchar-widen",
            "type-varchar-text",
            "type-varchar-narrow",
            "type-numeric-widen",
            "type-numeric-scale",
            "type-ts-tz-utc",
            "type-ts-tz-local",
            "type-varchar-using-expr",
            "type-fk",
        ),
        f"{_ALTER}#SQL-ALTERTABLE-DESC-SET-DATA-TYPE",
    ),
    Rule(
        "type-change-index-rebuild",
        "danger",
        "a change of type rebuilds an index while everyone waits",
        "The table itself stays as it is, but an index with an expression or a WHERE over the column is built anew "
        "under ACCESS EXCLUSIVE. Drop such an index concurrently before, and build it concurrently after.",
        (
            Instead(
                """\
-- 1. 005_drop_users_lower_name.up.sql
-- sqlmigrate: no-transaction
drop index concurrently users_lower_name;
-- 2. 006_users_name_longer.up.sql
alter table users alter column name type varchar(80);
-- 3. 007_users_lower_name.up.sql
-- sqlmigrate: no-transaction
create index concurrently users_lower_name on users (lower(name));
"""
            ),
        ),
        ("type-partial-index", "type-varchar-widen"),
        f"{_ALTER}#SQL-ALTERTABLE-DESC-SET-DATA-TYPE",
    ),
    Rule(
        "type-change-constraint-recheck",
        "danger",
        "a change of type checks every row again while everyone waits",
        "The table itself stays as it is, but a CHECK over the column is tried on every row again under ACCESS "
        "EXCLUSIVE. Drop the CHECK before, add it again as NOT VALID, and validate it in another file.",
        (
            Instead(
                """\
-- 1. 005_users_name_text.up.sql
alter table users drop constraint users_name_check;
alter table users alter column name type text;
alter table users add constraint users_name_check check (name <> '') not valid;
-- 2. 006_check_users_name.up.sql
alter table users validate constraint users_name_check;
"""
            ),
        ),
        ("type-check-recheck", "check-nv", "check-validate"),
        f"{_ALTER}#SQL-ALTERTABLE-DESC-SET-DATA-TYPE",
    ),
    Rule(
        "set-unlogged",
        "danger",
        "SET UNLOGGED rewrites the table while everyone waits",
        "The whole table and its indexes are written anew under ACCESS EXCLUSIVE. From then on its rows are lost after "
        "a crash, and a standby has none of them. Make a new unlogged table, and let the application move over.",
        (
            Instead(
                """\
-- 1. 005_sessions_unlogged.up.sql: the application writes to the new one from here on
create unlogged table sessions_unlogged (like sessions including all);
-- 2. 006_drop_sessions.up.sql: in a later release
-- sqlmigrate: allow drop-table (nobody has read it since the last release)
drop table sessions;
"""
            ),
        ),
        ("set-unlogged",),
        f"{_ALTER}#SQL-ALTERTABLE-DESC-SET-LOGGED-UNLOGGED",
    ),
    Rule(
        "set-logged",
        "danger",
        "SET LOGGED rewrites the table while everyone waits",
        "The whole table and its indexes are written anew under ACCESS EXCLUSIVE, and all of it goes to the "
        "write-ahead log and to every standby. Make a new table, fill it in batches, and let the application move "
        "over.",
        (
            Instead(
                """\
-- 1. 005_imports_logged.up.sql: the application writes to both from here on
create table imports_logged (like imports including all);
-- 2. 006_fill_imports_logged.up.sql: in batches
-- sqlmigrate: no-transaction
insert into imports_logged select * from imports where id < 5000 on conflict do nothing;
-- 3. 007_swap_imports.up.sql
alter table imports rename to imports_old;
alter table imports_logged rename to imports;
"""
            ),
        ),
        ("set-unlogged",),
        f"{_ALTER}#SQL-ALTERTABLE-DESC-SET-LOGGED-UNLOGGED",
    ),
    Rule(
        "set-tablespace",
        "danger",
        "SET TABLESPACE copies the table while everyone waits",
        "Every block is copied under ACCESS EXCLUSIVE. An index can be moved while nobody waits (REINDEX with a "
        "tablespace, from 14); for a table there are extensions (pg_repack), or a quiet hour.",
        (
            Instead(
                """\
-- for an index: 005_move_orders_state_index.up.sql
-- sqlmigrate: no-transaction
reindex (tablespace fast, concurrently) index orders_state_index;
""",
                14,
            ),
        ),
        ("set-unlogged",),
        f"{_ALTER}#SQL-ALTERTABLE-DESC-SET-TABLESPACE",
    ),
    Rule(
        "vacuum-full-cluster",
        "danger",
        "VACUUM FULL and CLUSTER rewrite the table while everyone waits",
        "They write the table and its indexes anew under ACCESS EXCLUSIVE, and need as much room again on the disk. A "
        "plain VACUUM makes the room usable again and keeps nobody out; the extensions pg_repack and pg_squeeze give "
        "it back to the disk.",
        (
            Instead(
                """\
-- 1. 005_vacuum_orders.up.sql
-- sqlmigrate: no-transaction
vacuum (analyze) orders;
"""
            ),
        ),
        ("vacuum-full", "cluster"),
        f"{_DOCS}routine-vacuuming.html#VACUUM-FOR-SPACE-RECOVERY",
    ),
)
