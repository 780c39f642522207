-- Times get a zone: in arrays, domains, with a precision, without a date.

-- base
create domain ts as timestamp;
create table x (id int primary key, a timestamp[], b ts, c time, d timestamp(3), e date);
create table p (id int, at timestamp not null) partition by range (at);
create table p1 partition of p for values from ('2025-01-01') to ('2026-01-01');

-- up f
alter table x alter column a type timestamptz[];

-- down f
select 1;

-- up g
alter table x alter column b type timestamptz;

-- down g
select 1;

-- up h
alter table x alter column c type timetz;

-- down h
select 1;

-- up i
alter table x alter column d type timestamptz(3);

-- down i
select 1;

-- up j
alter table x alter column e type timestamptz;

-- down j
select 1;

-- found
-- 002.up:1 danger type-change-rewrite: `x` is rewritten under ACCESS EXCLUSIVE
-- 002.up:1 note depends-on-setting: the new values of `x.a` depend on the session's TimeZone
-- 002.down:1 danger data-not-restored: the 300 rows of `x` are different after up and down
-- 002.down:1 danger down-incomplete: after up and down column `x.a` (type: timestamp without time zone[], now timestamp with time zone[]) is different
-- 003.up:1 warning rewrite-outside-utc: `x.b` changes its type in an instant only if the session's TimeZone is UTC: otherwise `x` is rewritten under ACCESS EXCLUSIVE
-- 003.down:1 danger data-not-restored: the 300 rows of `x` are different after up and down
-- 003.down:1 danger down-incomplete: after up and down column `x.b` (domain: true, now none; type: public.ts, now timestamp with time zone) is different
-- 004.up:1 danger type-change-rewrite: `x` is rewritten under ACCESS EXCLUSIVE
-- 004.up:1 note depends-on-setting: the new values of `x.c` depend on the session's TimeZone
-- 004.down:1 danger data-not-restored: the 300 rows of `x` are different after up and down
-- 004.down:1 danger down-incomplete: after up and down column `x.c` (type: time without time zone, now time with time zone) is different
-- 005.up:1 danger type-change-rewrite: `x` is rewritten under ACCESS EXCLUSIVE
-- 005.up:1 note depends-on-setting: the new values of `x.d` depend on the session's TimeZone
-- 005.down:1 danger data-not-restored: the 300 rows of `x` are different after up and down
-- 005.down:1 danger down-incomplete: after up and down column `x.d` (type: timestamp(3) without time zone, now timestamp(3) with time zone) is different
-- 006.up:1 danger type-change-rewrite: `x` is rewritten under ACCESS EXCLUSIVE
-- 006.up:1 note depends-on-setting: the new values of `x.e` depend on the session's TimeZone
-- 006.down:1 danger data-not-restored: the 300 rows of `x` are different after up and down
-- 006.down:1 danger down-incomplete: after up and down column `x.e` (type: date, now timestamp with time zone) is different
