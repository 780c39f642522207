-- Rights that roles have lost.
-- rules: rights-revoked, execute-revoked, grants-lost
-- case: rights on everything, and EXECUTE of a function that is called
create role er; create table t (id int default 1, o name); create function ff(name) returns boolean language sql immutable as 'select true'; create policy p on t using (ff(o)); create view v as select ff(o) as x from t; alter table t add constraint c check (ff(o)); create index on t (ff(o));
grant select on t to er; create function lonely() returns int language sql as 'select 1';
create schema sc; grant usage on schema sc to er; grant select (o) on t to er; create sequence sq; grant usage on sequence sq to er;
-- new
revoke all on function ff(name) from public; revoke execute on function lonely() from public; revoke usage on schema sc from er; revoke select on t from er; revoke all on sequence sq from er;
-- told: danger execute-revoked: on `ff(name)`, PUBLIC has lost EXECUTE; it is called by the constraint `c` of `t`, the index `t_ff_idx`, the policy `p` of `t` and 1 more, so statements that use them fail
-- told: warning rights-revoked: on `lonely()`, PUBLIC has lost EXECUTE; on `sc` and `sq`, `er` has lost USAGE; on `t` and `t.o`, `er` has lost SELECT
-- case: a right that PUBLIC still has
create role er2; create function lonely() returns int language sql as 'select 1'; grant execute on function lonely() to er2;
-- new
revoke execute on function lonely() from er2;
-- case: default privileges
create role er3; alter default privileges grant select on tables to er3; alter default privileges grant select on sequences to er3;
-- new
alter default privileges revoke select on tables from er3; alter default privileges revoke execute on functions from public; alter default privileges grant usage on sequences to er3;
-- told: warning rights-revoked: by default, on new `tables of sqlmigrate_review`, `er3` has lost SELECT; by default, on new `functions of sqlmigrate_review`, PUBLIC has lost EXECUTE
-- case: functions that are replaced, which PUBLIC may call
create role er4; create function ff(int) returns int language sql as 'select 1'; revoke execute on function ff(int) from public; grant execute on function ff(int) to er4;
create function ra(int) returns int language sql as 'select 1';
-- new
alter function ff(int) rename to ff_old; create function ff(int) returns int language sql as 'select 2'; drop function ra(int); create function ra(int) returns int language sql as 'select 2';
-- case: a right on a table instead of a column
create role er5; create table t (a int, b int); grant update on t to er5; 
-- new
revoke update on t from er5; grant update (a) on t to er5;
-- told: warning rights-revoked: on `t`, `er5` has lost UPDATE
-- case: rights that are granted again
create role er6; create table t (a int); grant select on t to er6;
-- new
revoke select on t from er6; grant select on t to er6;
-- case: a table with the rights on its columns
create role er7; create table t (a int, b int); grant select (a) on t to er7;
-- new
drop table t; create table t (a int, b int);
-- told: danger grants-lost: `t.a` is another column now: `er7` has lost SELECT
