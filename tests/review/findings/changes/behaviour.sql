-- Functions, views and policies that behave differently.
-- rules: function-behaves-differently, view-security-changed, policy-changed, policy-removed, overload-ambiguous, overload-takes-calls, drop-function
-- case: properties that CREATE OR REPLACE FUNCTION does not repeat
create function f(a int, b int default 1) returns int language sql stable strict security definer set search_path = public as 'select 1';
create view fv as select f(1) as x;
-- new
create or replace function f(a int, b int default 1) returns int language sql as 'select 2';
-- told: warning function-behaves-differently: the function `f(integer, integer)` is VOLATILE, no longer STABLE: queries that call it may become slow; it is no longer STRICT: it is called with NULL as well; it runs with the rights of the role that calls it now; it no longer has SET search_path TO 'public'
-- case: a default and the type of a function
create function f(a int, b int default 1) returns int language sql immutable as 'select 1';
-- new
drop function f(int, int); create function f(a int, b int) returns bigint language sql immutable as 'select 1::bigint';
-- told: danger function-behaves-differently: the function `f(integer, integer)` has fewer arguments with a default: calls that leave them out fail; it returns bigint, no longer integer
-- case: a stricter volatility
create function f(a int, b int default 1) returns int language sql as 'select 1';
-- new
create or replace function f(a int, b int default 1) returns int language sql stable as 'select 2';
-- told: note function-behaves-differently: the function `f(integer, integer)` is STABLE, no longer VOLATILE: PostgreSQL calls it less often
-- case: options of views
-- since: 15
create table t (id int); create view v with (security_invoker = true, security_barrier) as select id from t; create view w as select id from t; create view c as select id from t where id > 0 with check option;
-- new
create or replace view v as select id from t; alter view w set (security_invoker = on); create or replace view c as select id from t where id > 0;
-- told: danger view-security-changed: the view `v` has no security_invoker any more: it reads with the rights of its owner, so policies no longer apply to the role that asks
-- told: warning view-security-changed: the view `v` has no security_barrier any more: it lets functions in WHERE see rows that it hides; the view `w` reads with the rights of the role that asks now: a role without rights on its tables gets an error; the view `c` has no check_option any more: it accepts rows that it does not show
-- case: a policy that is altered
create table t (id int, o name); create policy p on t using (o = current_user); alter table t enable row level security; create role prr;
-- new
alter policy p on t to prr;
-- told: warning policy-changed: the policy `p` of `t` is changed: roles was public, and is prr now
-- case: a policy that is created again
create table t (id int, o name); create policy p on t using (o = current_user); alter table t enable row level security;
-- new
drop policy p on t; create policy p on t for select using (o = current_user);
-- told: warning policy-changed: the policy `p` of `t` is changed: command was all, and is select now
-- case: an equal policy under another name
create table t (id int, o name); create policy p on t using (o = current_user); alter table t enable row level security;
-- new
create policy q on t using (o = current_user); drop policy p on t;
-- case: an overload for numeric
create function f(bigint) returns int language sql as 'select 1';
-- new
create function f(numeric) returns int language sql as 'select 2';
-- told: danger overload-ambiguous: `f(bigint)` has a new overload: the call f(1) is ambiguous now, and fails
-- case: an overload for integer
create function f(bigint) returns int language sql as 'select 1';
-- new
create function f(int) returns int language sql as 'select 2';
-- told: warning overload-ambiguous: `f(bigint)` has a new overload: the call f('...') is ambiguous now, and fails
-- case: an overload for timestamp
create function f(d date) returns setof int language sql as 'select 1';
-- new
create function f(d timestamp) returns setof int language sql as 'select 2';
-- told: warning overload-ambiguous: `f(date)` has a new overload: the call f('...') is ambiguous now, and fails
-- case: a function that is replaced by one with a further argument
create function f(d int) returns void language sql as 'select 1';
-- new
drop function f(int); create function f(d int, e int default 1) returns void language sql as 'select 2';
-- case: a function that is replaced by one that its calls do not fit
create function f(d int) returns void language sql as 'select 1';
-- new
drop function f(int); create function f(d int, e int) returns void language sql as 'select 2';
-- told: danger drop-function: the function `f(integer)` is dropped: statements that still use it fail
-- case: an overload with a further argument without a default
create function f(d int) returns void language sql as 'select 1';
-- new
create function f(d int, e int) returns void language sql as 'select 2';
-- case: a procedure with a quoted name
create schema "S x"; create procedure "S x"."P"(d int) language sql as 'select 1';
-- new
create procedure "S x"."P"(d int, e int default 1)  language sql as 'select 2';
-- told: danger overload-ambiguous: `"S x"."P"(integer)` has a new overload: the call "S x"."P"(integer) is ambiguous now, and fails
-- case: an aggregate
create aggregate ag(int) (sfunc = int4pl, stype = int);
-- new
create function ag(int, int default 1) returns int language sql as 'select 2';
-- told: danger overload-ambiguous: `ag(integer)` has a new overload: the call ag(integer) is ambiguous now, and fails
-- case: a function that an earlier new file created
create function f(d int) returns void language sql as 'select 1';
-- new
create function g(d int) returns void language sql as 'select 1';
-- next migration
create function g(d int, e int default 0) returns void language sql as 'select 1'; create function f(d int, e int default 0) returns void language sql as 'select 1';
-- told: danger overload-ambiguous: `f(integer)` has a new overload: the call f(integer) is ambiguous now, and fails
-- case: a function of another schema
create function f(d int) returns void language sql as 'select 1'; create schema o;
-- new
create function o.f(d int, e int default 0) returns void language sql as 'select 1';
-- case: a third overload
create function f(d int) returns void language sql as 'select 1';create function f(d int, e int default 0) returns void language sql as 'select 1';
-- new
create function f(d int, e int , f int default 0) returns void language sql as 'select 1';
-- told: danger overload-ambiguous: `f(integer, integer)` has a new overload: the call f(integer, integer) is ambiguous now, and fails
-- case: two overloads with defaults
create function f(d int, e text default 'x') returns void language sql as 'select 1';
-- new
create function f(d int, e boolean default true) returns void language sql as 'select 1';
-- told: danger overload-ambiguous: `f(integer, text)` has a new overload: the call f(integer) is ambiguous now, and fails
-- case: arguments of types of the user
create type tt as (a int, b text); create domain dd as text; create function f(d tt, e dd, n numeric(10,2)) returns record language sql as 'select 1,2';
-- new
create function f(d tt, e dd, n numeric, x int[] default '{}') returns record language sql as 'select 1,2';
-- told: danger overload-ambiguous: `f(public.tt, public.dd, numeric)` has a new overload: the call f(public.tt, public.dd, numeric) is ambiguous now, and fails
