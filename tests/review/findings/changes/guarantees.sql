-- What a table no longer guarantees, and what is still guaranteed.
-- rules: unique-removed, foreign-key-removed, check-removed, check-replaced, trigger-removed
create table parent (id bigint primary key, code text unique);
create table t (
    id bigint primary key, a int not null, b int not null, "C d" text, active boolean, n int constraint n_pos check (n > 0),
    parent_id bigint constraint t_parent references parent on delete cascade, constraint t_ab unique (a, b)
);
create unique index t_cd on t (lower("C d"));
create function tr() returns trigger language plpgsql as $$ begin return new; end $$;
create trigger t_audit before insert or update of a on t for each row when (new.a > 0) execute function tr();
create rule t_kept as on delete to t do instead nothing;
create schema shop;
create table shop."Order" (id int primary key, x int, constraint "Uq X" unique (x));
create table p (id int, k int, constraint p_u unique (id, k), constraint p_c check (k > 0)) partition by range (k);
create table p1 partition of p for values from (0) to (10);
create table p2 partition of p for values from (10) to (20);
create table kid (id int, k int, constraint kid_p foreign key (id, k) references p (id, k) on delete cascade);
create materialized view mv as select id, a from t;
create unique index mv_id on mv (id);
-- case: a unique constraint in a DO block, with quoted names
do $$ begin execute 'alter table shop."Order" drop constraint "Uq X"'; end $$;
-- told: danger unique-removed: the unique constraint `shop."Order"."Uq X"` is gone: INSERT ... ON CONFLICT (x) of the running application fails, and duplicates can be inserted
-- case: a unique constraint that a partial index replaces
create unique index concurrently t_ab2 on t (a, b) where active;
-- next migration
alter table t drop constraint t_ab;
-- told: danger unique-removed: the unique constraint `t.t_ab` is replaced by the partial index `t_ab2`, only for rows with active: INSERT ... ON CONFLICT (a, b) of the running application fails, and duplicates can be inserted
-- case: a unique constraint on fewer columns
alter table t add unique (a); alter table t drop constraint t_ab;
-- told: danger unique-removed: the unique constraint `t.t_ab` is gone: INSERT ... ON CONFLICT (a, b) of the running application fails
-- case: a unique index that is no longer unique
drop index t_cd; create index t_cd on t (lower("C d"));
-- told: danger unique-removed: the unique index `t.t_cd` is gone: INSERT ... ON CONFLICT (lower("C d")) of the running application fails, and duplicates can be inserted
-- case: a unique constraint that is deferrable now
alter table t drop constraint t_ab, add constraint t_ab unique (a, b) deferrable;
-- told: danger unique-removed: the unique constraint `t.t_ab` is now deferrable, as `t_ab`: INSERT ... ON CONFLICT (a, b) of the running application fails
-- case: a primary key
alter table t drop constraint t_pkey;
-- told: danger unique-removed: the primary key `t.t_pkey` is gone: INSERT ... ON CONFLICT (id) of the running application fails, and duplicates can be inserted
-- case: an equal index that an earlier new file put in its place
create unique index concurrently t_ab2 on t (a, b);
-- next migration
alter table t drop constraint t_ab;
-- next migration
drop index t_ab2;
-- told: danger unique-removed: the unique index `t.t_ab2` is gone: INSERT ... ON CONFLICT (a, b) of the running application fails, and duplicates can be inserted
-- case: a constraint of a renamed table
alter table t rename to tt; alter table tt drop constraint t_ab;
-- told: danger unique-removed: the unique constraint `t.t_ab` is gone: INSERT ... ON CONFLICT (a, b) of the running application fails, and duplicates can be inserted
-- case: a unique index of a materialized view
drop index mv_id;
-- told: danger unique-removed: the unique index `mv.mv_id` is gone: REFRESH MATERIALIZED VIEW CONCURRENTLY fails if no other unique index covers every row
-- case: a foreign key
alter table t drop constraint t_parent;
-- told: warning foreign-key-removed: the foreign key `t.t_parent` is gone: rows that reference nothing can be inserted, and ON DELETE CASCADE from `parent` no longer happens
-- case: a foreign key to a partitioned table
alter table kid drop constraint kid_p;
-- told: warning foreign-key-removed: the foreign key `kid.kid_p` is gone: rows that reference nothing can be inserted, and ON DELETE CASCADE from `p` no longer happens
-- case: another action of a foreign key
alter table t drop constraint t_parent, add constraint t_parent foreign key (parent_id) references parent on delete set null not valid;
-- told: warning foreign-key-removed: the foreign key `t.t_parent` is no longer ON DELETE CASCADE, but ON DELETE SET NULL
-- case: a CHECK of a partitioned table
alter table p drop constraint p_c;
-- told: warning check-removed: the CHECK `p.p_c` is gone: CHECK ((k > 0)) is no longer enforced
-- case: a CHECK with another condition
alter table t drop constraint n_pos, add constraint n_pos check (n >= 0);
-- told: note check-replaced: the CHECK `t.n_pos` is replaced: it was CHECK ((n > 0)), and is now CHECK ((n >= 0))
-- case: a trigger
drop trigger t_audit on t;
-- told: warning trigger-removed: the trigger `t.t_audit` no longer fires on INSERT or UPDATE OF a
-- case: an event of a trigger
drop trigger t_audit on t;create trigger t_audit before insert on t for each row when (new.a > 0) execute function tr();
-- told: warning trigger-removed: the trigger `t.t_audit` no longer fires on UPDATE OF a
-- case: another condition of a trigger
drop trigger t_audit on t;create trigger t_audit before insert or update on t for each row when (new.a > 7) execute function tr();
-- told: warning trigger-removed: the trigger `t.t_audit` no longer fires for every row: only where (new.a > 7)
-- case: a rule
drop rule t_kept on t;
-- told: warning trigger-removed: the rule `t.t_kept` is gone
-- case: the same unique columns in another order
alter table t drop constraint t_ab; create unique index t_ba on t (b, a);
-- case: a unique constraint instead of a primary key
alter table t drop constraint t_pkey, add unique (id);
-- case: a unique constraint of a dropped column
alter table t drop column b;
-- case: a redundant unique index
create unique index twice on t (a, b);
-- next migration
drop index twice;
-- case: new names of constraints, indexes, triggers
alter index t_ab rename to x; alter table t rename constraint t_parent to y; alter trigger t_audit on t rename to z; alter function tr() rename to trr;
-- case: another name of a column
alter table t rename column a to aa;
-- case: another type of a column
alter table t alter column b type bigint;
-- case: an equal foreign key, not valid
alter table t drop constraint t_parent, add foreign key (parent_id) references parent on delete cascade not valid;
-- case: a foreign key whose table is dropped
drop table parent cascade;
-- case: a foreign key that CASCADE drops
alter table parent drop constraint parent_pkey cascade;
-- told: danger unique-removed: the primary key `parent.parent_pkey` is gone: INSERT ... ON CONFLICT (id) of the running application fails, and duplicates can be inserted
-- case: a CHECK of a partition, whose bound is checked
alter table p1 add constraint c check (k >= 0); alter table p1 drop constraint c;
-- case: a CHECK that a NOT NULL replaces
update t set n = 1; alter table t add constraint nn check (n is not null);
-- next migration
alter table t alter column n set not null; alter table t drop constraint nn;
-- case: an equal trigger
drop trigger t_audit on t;create trigger t_new before insert or update on t for each row when (new.a > 0) execute function tr();
-- case: another function of a trigger
create function tr2() returns trigger language plpgsql as 'begin return new; end'; drop trigger t_audit on t;create trigger t_audit before insert or update on t for each row execute function tr2();
-- case: a trigger of another name and function
create function tr3() returns trigger language plpgsql as 'begin return new; end';
drop trigger t_audit on t;
create trigger t_log before insert or update on t for each row execute function tr3();
-- told: note trigger-removed: the trigger `t.t_audit` is replaced by `t_log`, which calls public.tr3()
-- case: a foreign key without ON DELETE RESTRICT
create table n (id bigint primary key, p bigint constraint n_p references parent on delete restrict);
-- new
alter table n drop constraint n_p, add constraint n_p foreign key (p) references parent not valid;
-- case: a long check of which a part changes
alter table t add constraint t_known check (n = 1 or n = 2 or n = 3 or n = 4 or n = 5 or n = 6 or n = 7 or n = 8 or n = 9 or n = 10 or n = 11 or n = 12 or n = 13 or n = 14 or n = 15 or n = 16 or n = 17 or n = 18 or n = 19 or n = 20 or n = 21 or n = 22 or n = 23 or n = 24 or n = 25 or n = 26 or n = 27 or n = 28 or n = 29 or n = 30);
-- new
alter table t drop constraint t_known;
alter table t add constraint t_known check (n = 1 or n = 2 or n = 3 or n = 4 or n = 5 or n = 6 or n = 7 or n = 8 or n = 9 or n = 10 or n = 11 or n = 12 or n = 13 or n = 14 or n = 77 or n = 16 or n = 17 or n = 18 or n = 19 or n = 20 or n = 21 or n = 22 or n = 23 or n = 24 or n = 25 or n = 26 or n = 27 or n = 28 or n = 29 or n = 30) not valid;
-- told: note check-replaced: the CHECK `t.t_known` is replaced: it was … 15) …, and is now … 77) …
