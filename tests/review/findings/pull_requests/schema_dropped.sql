-- A schema is dropped with everything in it.

-- base
create schema legacy;
create table legacy.a (id int primary key);
create table legacy.b (id int primary key, a int references legacy.a);
create table legacy.c (id int primary key);
create view legacy.v as select * from legacy.a;
create function legacy.f() returns int language sql as 'select 1';
create type legacy.e as enum ('x');
create table keep (id int primary key, e legacy.e, a int references legacy.a);
create view public_v as select * from legacy.v;

-- up d
drop schema legacy cascade;

-- found
-- 002.up:1 danger cascade-drops-dependents: the column `keep.e`, the constraint `keep.keep_a_fkey`, the enum `legacy.e`, the function `legacy.f()`, the tables `legacy.a`, `legacy.b` and `legacy.c` and the views `legacy.v` and `public_v` are dropped too, although the file does not name them
-- 002.up:1 warning down-missing: there is no down file
-- 002.up:1 warning locks-other-table: `keep` is locked in ACCESS EXCLUSIVE mode, but the statement does not name it
