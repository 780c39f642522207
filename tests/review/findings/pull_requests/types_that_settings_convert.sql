-- Types change between text and what a setting shows.

-- base
create table x (id int primary key, i interval, b bytea, t timestamptz, n numeric, m money, r real, x1 text);

-- up f
alter table x alter column i type text, alter column t type text;

-- down f
select 1;

-- up g
alter table x alter column b type text using b::text;

-- down g
select 1;

-- up h
alter table x alter column n type money;

-- down h
select 1;

-- up i
alter table x alter column m type text using m::text;

-- down i
select 1;

-- up j
alter table x alter column r type text;

-- down j
select 1;

-- found
-- 002.up:1 danger type-change-rewrite: `x` is rewritten under ACCESS EXCLUSIVE
-- 002.up:1 note depends-on-setting: the new values of `x.i` depend on the session's IntervalStyle; the new values of `x.t` depend on the session's TimeZone
-- 002.down:1 danger down-incomplete: after up and down column `x.i` (type: interval, now text), column `x.t` (type: timestamp with time zone, now text) are different
-- 003.up:1 danger type-change-rewrite: `x` is rewritten under ACCESS EXCLUSIVE
-- 003.up:1 note depends-on-setting: the new values of `x.b` depend on the session's bytea_output
-- 003.down:1 danger down-incomplete: after up and down column `x.b` (type: bytea, now text) is different
-- 004.up:1 danger type-change-rewrite: `x` is rewritten under ACCESS EXCLUSIVE
-- 004.up:1 note depends-on-setting: the new values of `x.n` depend on the session's lc_monetary
-- 004.down:1 danger data-not-restored: the 300 rows of `x` are different after up and down
-- 004.down:1 danger down-incomplete: after up and down column `x.n` (type: numeric, now money) is different
-- 005.up:1 danger type-change-rewrite: `x` is rewritten under ACCESS EXCLUSIVE
-- 005.up:1 note depends-on-setting: the new values of `x.m` depend on the session's lc_monetary
-- 005.down:1 danger down-incomplete: after up and down column `x.m` (type: money, now text) is different
-- 006.up:1 danger type-change-rewrite: `x` is rewritten under ACCESS EXCLUSIVE
-- 006.down:1 danger down-incomplete: after up and down column `x.r` (type: real, now text) is different
