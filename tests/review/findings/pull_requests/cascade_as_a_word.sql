-- CASCADE stands in a comment and in a foreign key; a trigger function goes with its table.

-- base
create table a (id int primary key);
create table b (id int primary key, a int references a on delete cascade);
create function b_f() returns trigger language plpgsql as $$ begin return new; end $$;
create trigger b_t before insert on b for each row execute function b_f();

-- up d
-- we do not want CASCADE here
create table c (id int primary key, a int references a on delete cascade);
create index on c (a);
drop table b;
drop function b_f();

-- down d
create table b (id int primary key, a int references a on delete cascade);
create function b_f() returns trigger language plpgsql as $$ begin return new; end $$;
create trigger b_t before insert on b for each row execute function b_f();
drop table c;

-- found
-- 002.up:4 danger drop-table: the table `b` is dropped: statements that still use it fail
-- 002.up:4 warning locks-other-table: `a` is locked in ACCESS EXCLUSIVE mode, but the statement does not name it
-- 002.up:4 warning two-exclusive-tables: `b` is locked in ACCESS EXCLUSIVE mode while `a` is locked: a session that locks them in the opposite order causes a deadlock
-- 002.down:1 danger data-not-restored: `b` had 300 rows, and has 0 after up and down
