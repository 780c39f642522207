"""The rules of changes that rewrite a table or its indexes while others wait.

https://www.postgresql.org/docs/current/sql-altertable.html#SQL-ALTERTABLE-NOTES
"""

from __future__ import annotations

from .rule import Example, Rule

_DOCS = "https://www.postgresql.org/docs/current/"
_NOTES = f"{_DOCS}sql-altertable.html#SQL-ALTERTABLE-NOTES"
_SET_TYPE = f"{_DOCS}sql-altertable.html#SQL-ALTERTABLE-DESC-SET-DATA-TYPE"

ADD_COLUMN_VOLATILE_DEFAULT = Rule(
    "add-column-volatile-default",
    "danger",
    "adding a column with a volatile default rewrites the table and blocks reads and writes",
    (
        "A constant default, or now(), takes an instant. A default that gives each row another value, such as "
        "clock_timestamp(), random() or gen_random_uuid(), rewrites the table and all its indexes under "
        "ACCESS EXCLUSIVE. Add the column without a default, then set the default for new rows, and fill the "
        "old rows in batches."
    ),
    examples=(
        Example(
            """\
-- 1. 005_orders_token.up.sql
alter table orders add column token uuid;
alter table orders alter column token set default gen_random_uuid();
-- 2. 006_fill_orders_token.up.sql: in batches, see `sqlmigrate explain bulk-dml`
-- sqlmigrate: allow commits-inside (batches of 5000 rows)
-- sqlmigrate: no-transaction
do $$
begin
    loop
        update orders set token = gen_random_uuid()
         where id in (select id from orders where token is null limit 5000);
        exit when not found;
        commit;
    end loop;
end
$$;
"""
        ),
    ),
    page=_NOTES,
)
ADD_COLUMN_SERIAL = Rule(
    "add-column-serial",
    "danger",
    "adding a serial or identity column rewrites the table and blocks reads and writes",
    (
        "Every row gets its own number, so the table and all its indexes are rewritten under ACCESS "
        "EXCLUSIVE. Add a plain column and a sequence, number new rows with a default, and fill the old rows "
        "in batches."
    ),
    examples=(
        Example(
            """\
-- 1. 005_orders_number.up.sql
create sequence orders_number_seq;
alter table orders add column number bigint;
alter table orders alter column number set default nextval('orders_number_seq');
alter sequence orders_number_seq owned by orders.number;
-- 2. 006_fill_orders_number.up.sql: in batches, see `sqlmigrate explain bulk-dml`
-- sqlmigrate: allow commits-inside (batches of 5000 rows)
-- sqlmigrate: no-transaction
do $$
begin
    loop
        update orders set number = nextval('orders_number_seq')
         where id in (select id from orders where number is null limit 5000);
        exit when not found;
        commit;
    end loop;
end
$$;
"""
        ),
    ),
    page=_NOTES,
)
ADD_COLUMN_STORED_GENERATED = Rule(
    "add-column-stored-generated",
    "danger",
    "adding a stored generated column rewrites the table and blocks reads and writes",
    (
        "GENERATED ... STORED computes a value for every row, so the table and all its indexes are rewritten "
        "under ACCESS EXCLUSIVE. From PostgreSQL 18 on, a VIRTUAL column is computed when it is read, and "
        "added in an instant. On older versions add a plain column, keep it up to date with a trigger, and "
        "fill it in batches."
    ),
    examples=(
        Example(
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
-- sqlmigrate: allow commits-inside (batches of 5000 rows)
-- sqlmigrate: no-transaction
do $$
begin
    loop
        update orders set gross = net * 1.2
         where id in (select id from orders where gross is null and net is not null limit 5000);
        exit when not found;
        commit;
    end loop;
end
$$;
""",
            12,
        ),
        Example(
            """\
-- 1. 005_orders_gross.up.sql
alter table orders add column gross numeric generated always as (net * 1.2) virtual;
""",
            18,
        ),
    ),
    page=f"{_DOCS}ddl-generated-columns.html",
)
ADD_COLUMN_CONSTRAINED_DOMAIN = Rule(
    "add-column-constrained-domain",
    "danger",
    "adding a column of a domain with a constraint rewrites the table and blocks reads and writes",
    (
        "PostgreSQL up to 18 checks the domain's constraint for every row, even if the column is NULL in all "
        "of them, and rewrites the table under ACCESS EXCLUSIVE. Use the base type, and add the constraint to "
        "the table as NOT VALID."
    ),
    examples=(
        Example(
            """\
-- 1. 005_orders_email.up.sql
alter table orders add column email text;
alter table orders add constraint orders_email_check check (email like '%@%') not valid;
-- 2. 006_check_orders_email.up.sql
alter table orders validate constraint orders_email_check;
"""
        ),
    ),
    page=_NOTES,
)
TYPE_CHANGE_REWRITE = Rule(
    "type-change-rewrite",
    "danger",
    "changing the type of a column rewrites the table and blocks reads and writes",
    (
        "If the new type is stored differently, as with integer to bigint, the table and all its indexes are "
        "rewritten under ACCESS EXCLUSIVE; so are they for a shorter varchar. "
        "These changes rewrite nothing: a longer varchar, varchar to text, "
        "a wider numeric of the same scale, and timestamp to timestamptz in a session with TimeZone = UTC. "
        "For other changes add a new column, keep it up to date with a trigger, fill it in batches, and swap "
        "the two columns."
    ),
    examples=(
        Example(
            """\
-- 1. 005_orders_total_new.up.sql
alter table orders add column total_new bigint default 0;
create function orders_total_new() returns trigger language plpgsql as $$
begin
    new.total_new := new.total;
    return new;
end
$$;
create trigger orders_total_new before insert or update on orders
    for each row execute function orders_total_new();
-- 2. 006_fill_orders_total_new.up.sql: in batches, see `sqlmigrate explain bulk-dml`
-- sqlmigrate: allow commits-inside (batches of 5000 rows)
-- sqlmigrate: no-transaction
do $$
begin
    loop
        update orders set total_new = total
         where id in (select id from orders where total_new is distinct from total limit 5000);
        exit when not found;
        commit;
    end loop;
end
$$;
-- 3. 007_swap_orders_total.up.sql
drop trigger orders_total_new on orders;
drop function orders_total_new();
alter table orders rename column total to total_old;
alter table orders rename column total_new to total;
"""
        ),
    ),
    page=_SET_TYPE,
)
TYPE_CHANGE_INDEX_REBUILD = Rule(
    "type-change-index-rebuild",
    "danger",
    "changing the type of a column rebuilds an index and blocks reads and writes",
    (
        "The table itself is not rewritten, but an index with an expression or a WHERE clause on the column "
        "is rebuilt under ACCESS EXCLUSIVE. Drop that index with CONCURRENTLY before the change, and create "
        "it with CONCURRENTLY after it."
    ),
    examples=(
        Example(
            """\
-- 1. 005_drop_users_lower_name.up.sql
drop index concurrently users_lower_name;
-- 2. 006_users_name_longer.up.sql
alter table users alter column name type varchar(80);
-- 3. 007_users_lower_name.up.sql
create index concurrently users_lower_name on users (lower(name));
"""
        ),
    ),
    page=_SET_TYPE,
)
TYPE_CHANGE_CONSTRAINT_RECHECK = Rule(
    "type-change-constraint-recheck",
    "danger",
    "changing the type of a column checks every row again and blocks reads and writes",
    (
        "A CHECK or a foreign key on the column is tested again for every row under ACCESS EXCLUSIVE, also if the "
        "table itself is not rewritten; a foreign key reads the other table too. Drop the constraint before the "
        "change, add it again as NOT VALID, and validate it in another file."
    ),
    examples=(
        Example(
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
    page=_SET_TYPE,
)
SET_UNLOGGED = Rule(
    "set-unlogged",
    "danger",
    "SET UNLOGGED rewrites the table and blocks reads and writes",
    (
        "The table and all its indexes are rewritten under ACCESS EXCLUSIVE. From then on its rows are lost "
        "after a crash, and standby servers have none of them. Create a new unlogged table, and let the "
        "application move to it."
    ),
    examples=(
        Example(
            """\
-- 1. 005_sessions_unlogged.up.sql: from now on the application writes to the new table
create unlogged table sessions_unlogged (like sessions including all);
-- 2. 006_drop_sessions.up.sql: in a later release
-- sqlmigrate: allow drop-table (unused since the last release)
drop table sessions;
"""
        ),
    ),
    page=f"{_DOCS}sql-altertable.html#SQL-ALTERTABLE-DESC-SET-LOGGED-UNLOGGED",
)
SET_LOGGED = Rule(
    "set-logged",
    "danger",
    "SET LOGGED rewrites the table and blocks reads and writes",
    (
        "The table and all its indexes are rewritten under ACCESS EXCLUSIVE, and all of it goes to the "
        "write-ahead log and to every standby. Create a new table, fill it in batches, and let the "
        "application move to it."
    ),
    examples=(
        Example(
            """\
-- 1. 005_imports_logged.up.sql: from now on the application writes to both tables
create table imports_logged (like imports including all);
-- 2. 006_fill_imports_logged.up.sql: in batches
-- sqlmigrate: allow commits-inside (batches of 5000 rows)
-- sqlmigrate: no-transaction
do $$
declare
    first bigint := (select min(id) from imports);
    last bigint := (select max(id) from imports);
begin
    while first <= last loop
        insert into imports_logged select * from imports where id >= first and id < first + 5000
            on conflict do nothing;
        commit;
        first := first + 5000;
    end loop;
end
$$;
-- 3. 007_swap_imports.up.sql
alter table imports rename to imports_old;
alter table imports_logged rename to imports;
"""
        ),
    ),
    page=f"{_DOCS}sql-altertable.html#SQL-ALTERTABLE-DESC-SET-LOGGED-UNLOGGED",
)
SET_TABLESPACE = Rule(
    "set-tablespace",
    "danger",
    "SET TABLESPACE copies the table and blocks reads and writes",
    (
        "Every block is copied under ACCESS EXCLUSIVE. From PostgreSQL 14 on, an index can be moved without "
        "blocking (REINDEX with a tablespace). Move a table with an extension such as pg_repack, or in a "
        "quiet hour."
    ),
    examples=(
        Example(
            """\
-- for an index: 005_move_orders_state_index.up.sql
reindex (tablespace fast, concurrently) index orders_state_index;
""",
            14,
        ),
    ),
    page=f"{_DOCS}sql-altertable.html#SQL-ALTERTABLE-DESC-SET-TABLESPACE",
)
VACUUM_FULL_CLUSTER = Rule(
    "vacuum-full-cluster",
    "danger",
    "VACUUM FULL and CLUSTER rewrite the table and block reads and writes",
    (
        "They rewrite the table and its indexes under ACCESS EXCLUSIVE, and need as much free disk space "
        "again. A plain VACUUM makes the space reusable and blocks neither reads nor writes. The extensions "
        "pg_repack and pg_squeeze return the space to the disk without that lock."
    ),
    examples=(
        Example(
            """\
-- 1. 005_vacuum_orders.up.sql
vacuum (analyze) orders;
"""
        ),
    ),
    page=f"{_DOCS}routine-vacuuming.html#VACUUM-FOR-SPACE-RECOVERY",
)

RULES: tuple[Rule, ...] = (
    ADD_COLUMN_VOLATILE_DEFAULT,
    ADD_COLUMN_SERIAL,
    ADD_COLUMN_STORED_GENERATED,
    ADD_COLUMN_CONSTRAINED_DOMAIN,
    TYPE_CHANGE_REWRITE,
    TYPE_CHANGE_INDEX_REBUILD,
    TYPE_CHANGE_CONSTRAINT_RECHECK,
    SET_UNLOGGED,
    SET_LOGGED,
    SET_TABLESPACE,
    VACUUM_FULL_CLUSTER,
)
