-- Partitions of instants, one of them made in a DO block, with and without an offset.

-- base
create table e (id bigint, at timestamptz not null) partition by range (at);

-- up f
create table e_2025 partition of e for values from ('2025-01-01') to ('2026-01-01');
do $$ begin execute format('create table e_2026 partition of e for values from (%L) to (%L)', '2026-01-01', '2027-01-01'); end $$;
create table e_2027 partition of e for values from ('2027-01-01 00:00:00+00') to ('2028-01-01 00:00:00+00');

-- down f
drop table e_2025, e_2026, e_2027;

-- found
-- 002.up:1 warning create-partition-of-locks-parent: creating a partition locks `e` in ACCESS EXCLUSIVE mode
-- 002.up:1+2 note depends-on-setting: the bounds of 2 partitions of `e` (`e_2025` and `e_2026`) depend on the session's TimeZone
