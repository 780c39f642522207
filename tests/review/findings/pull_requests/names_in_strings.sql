-- Strings and comments name what other statements change.

-- base
create table a (id int primary key, name text, x int);
create table b (id int primary key, name text, x int);

-- up p
comment on table b is 'alter table b drop column name';
insert into a values (5000001, 'drop table b; alter table a rename column x to y', 1);
do $$ begin alter table b drop column name; end $$;
alter table a rename column x to y;
alter table b rename column x to y;
create view c as select id, name from a;

-- down p
drop view c;
alter table b rename column y to x; alter table a rename column y to x;
alter table b add column name text;
delete from a where id = 5000001;

-- found
-- 002.up:3 danger drop-column: the column `b.name` is dropped: statements that still use it fail
-- 002.up:4+5 danger rename-column: the columns `a.x` and `b.x` are renamed to `y`: the running application still uses the old names
-- 002.up:4 warning two-exclusive-tables: `a` is locked in ACCESS EXCLUSIVE mode while `b` is locked: a session that locks them in the opposite order causes a deadlock
-- 002.down:1 note data-not-restored: down adds `b.name` again, but not the old values
-- 002.down:1 note down-incomplete: after up and down table `b` (comment: none, now alter table b drop column name) is different
