-- A partition is replaced by an empty one of its name.

-- base
create table m (id bigint, day date not null, v numeric, primary key (id, day)) partition by range (day);
create table m_2025 partition of m for values from ('2025-01-01') to ('2026-01-01');
create table m_default partition of m default;
create role rd; grant select on m_2025 to rd;

-- up swap
alter table m detach partition m_2025;
alter table m_2025 rename to m_2025_old;
create table m_2025 (like m including defaults including constraints);
alter table m attach partition m_2025 for values from ('2025-01-01') to ('2026-01-01');

-- down swap
alter table m detach partition m_2025;
drop table m_2025;
alter table m_2025_old rename to m_2025;
alter table m attach partition m_2025 for values from ('2025-01-01') to ('2026-01-01');

-- found
-- 002.up:1 warning detach-partition-blocking: detaching a partition locks `m` in ACCESS EXCLUSIVE mode
-- 002.up:3 danger grants-lost: `m_2025` is another table now: `rd` has lost SELECT
-- 002.up:3 danger rows-lost: `m_2025` had 150 rows, and is another table with 0 now: the old rows are in `m_2025_old`
-- 002.up:4 danger default-partition-scan: `m_default` is scanned under ACCESS EXCLUSIVE, which an earlier statement took
-- 002.down:3 warning down-loses-new-data: rows that are written to `m_2025` after up are lost by down: it gives the name back to the old table
-- 002.down:4 warning down-blocks: the down file blocks production (default-partition-scan): `m_default` is scanned under ACCESS EXCLUSIVE, which an earlier statement took
