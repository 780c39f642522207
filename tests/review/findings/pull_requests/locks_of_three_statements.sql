-- A trigger, a DROP and a comment lock three tables.

-- base
create table a (id int primary key); create table b (id int primary key, a int references a); create table c (id int);
create function f() returns trigger language plpgsql as $$ begin return null; end $$;

-- up n
create trigger t after insert on c for each row execute function f();
drop table b;
comment on table a is 'x';

-- down n
create table b (id int primary key, a int references a);
drop trigger t on c;

-- found
-- 002.up:2 danger drop-table: the table `b` is dropped: statements that still use it fail
-- 002.up:2 warning locks-other-table: `a` is locked in ACCESS EXCLUSIVE mode, but the statement does not name it
-- 002.up:2 warning two-exclusive-tables: `a` is locked in ACCESS EXCLUSIVE mode while `c` is locked: a session that locks them in the opposite order causes a deadlock
-- 002.down:1 danger data-not-restored: `b` had 300 rows, and has 0 after up and down
-- 002.down:1 note down-incomplete: after up and down table `a` (comment: none, now x) is different
