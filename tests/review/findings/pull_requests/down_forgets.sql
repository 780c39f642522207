-- A down file forgets a function and a grant.

-- base
create role web;
create table t (id int primary key, v int not null default 0);

-- up x
create function f() returns trigger language plpgsql as $$ begin return new; end $$;
create trigger t_f before insert on t for each row execute function f();
grant select on t to web;
update t set v = v + 1;

-- down x
drop trigger t_f on t;
update t set v = v - 1;

-- found
-- 002.up:4 danger work-under-lock: `t` is scanned under SHARE ROW EXCLUSIVE, which an earlier statement took
-- 002.up:4 warning bulk-dml: 300 of 300 rows of `t` are written in one transaction
-- 002.down:1 danger down-incomplete: after up and down function `f()` is left behind, table `t` (acl: none, now sqlmigrate_review=arwdDxtm/sqlmigrate_review web=r/sqlmigrate_review) is different
-- 002.down:2 warning down-blocks: the down file blocks production (work-under-lock): `t` is scanned under ACCESS EXCLUSIVE, which an earlier statement took

-- found before 17
-- 002.up:4 danger work-under-lock: `t` is scanned under SHARE ROW EXCLUSIVE, which an earlier statement took
-- 002.up:4 warning bulk-dml: 300 of 300 rows of `t` are written in one transaction
-- 002.down:1 danger down-incomplete: after up and down function `f()` is left behind, table `t` (acl: none, now sqlmigrate_review=arwdDxt/sqlmigrate_review web=r/sqlmigrate_review) is different
-- 002.down:2 warning down-blocks: the down file blocks production (work-under-lock): `t` is scanned under ACCESS EXCLUSIVE, which an earlier statement took
