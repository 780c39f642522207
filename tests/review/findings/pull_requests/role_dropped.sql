-- Roles that only production has are dropped.

-- base
create table orders (id int primary key);

-- up a
reassign owned by old_app to new_app;
drop owned by old_app;
drop role old_app;

-- down a
create role old_app;

-- up b
drop role if exists gone;
drop role other;

-- down b
select 1;

-- found
-- 003.up:2 danger reapply-fails: after up and down, up fails: role "other" does not exist

-- found before 16
-- 002.up:1 warning reapply-fails: after up and down, up fails: permission denied to reassign objects
-- 003.up:2 danger reapply-fails: after up and down, up fails: role "other" does not exist
