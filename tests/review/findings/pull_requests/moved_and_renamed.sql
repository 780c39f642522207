-- Tables move and get other names; a view keeps one of them.

-- base
create schema archive;
create table logs (id int primary key, m text);
create table old_logs (id int primary key);

-- up mv
-- sqlmigrate: allow set-schema (nothing reads it)
alter table old_logs set schema archive;
-- sqlmigrate: allow rename-table (view below keeps the name)
alter table logs rename to log_entries;
create view logs as select * from log_entries;

-- down mv
drop view logs;
alter table log_entries rename to logs;
alter table archive.old_logs set schema public;

-- found
-- 002.up:2 allowed danger set-schema: the table `old_logs` is moved: it is now `archive.old_logs`
-- 002.up:3 warning allow-without-need: unused `allow rename-table`
-- 002.up:4 warning two-exclusive-tables: `logs` is locked in ACCESS EXCLUSIVE mode while `old_logs` is locked: a session that locks them in the opposite order causes a deadlock
