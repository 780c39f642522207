-- The day of an instant is written; a view and an index do not depend on the session.

-- base
create table b (id int primary key, created_at timestamptz not null default now(), day date);

-- up f
update b set day = created_at::date;
insert into b (id, created_at) values (5000001, '2025-01-01 00:00');
create view per_day as select date_trunc('day', created_at) from b;
create index concurrently_no on b ((created_at at time zone 'UTC'));

-- down f
drop index concurrently_no; drop view per_day; delete from b where id = 5000001; update b set day = null;

-- found
-- 002.up:1 warning bulk-dml: 300 of 300 rows of `b` are written in one transaction
-- 002.up:1 note depends-on-setting: the rows that are written depend on the session's TimeZone
-- 002.up:4 danger create-index-blocking: an index on `b` is built under SHARE
-- 002.down:1 danger data-not-restored: the 300 rows of `b` are different after up and down
-- 002.down:1 warning down-blocks: the down file blocks production (work-under-lock): `b` is scanned under ACCESS EXCLUSIVE, which an earlier statement took
