-- An index, a type and a column of a table with 24 partitions.

-- base
create table ev (id bigint, day date not null, v int, w text) partition by range (day);
do $$ begin for m in 0..23 loop
 execute format('create table ev_%s partition of ev for values from (%L) to (%L)', to_char(date '2025-01-01' + make_interval(months => m), 'YYYY_MM'), date '2025-01-01' + make_interval(months => m), date '2025-01-01' + make_interval(months => m + 1));
end loop; end $$;

-- up i
create index ev_v on ev (v);
alter table ev alter column v type bigint;
alter table ev drop column w;

-- down i
alter table ev add column w text;
alter table ev alter column v type int;
drop index ev_v;

-- found
-- 002.up:1 danger partitioned-index-blocking: an index on 24 partitions of `ev` (`ev_2025_01` to `ev_2026_12`) is built under SHARE
-- 002.up:2 danger type-change-rewrite: 24 partitions of `ev` (`ev_2025_01` to `ev_2026_12`) are rewritten under ACCESS EXCLUSIVE
-- 002.up:3 danger drop-column: the column `ev.w` is dropped: statements that still use it fail
-- 002.down:1 danger data-not-restored: the 288 rows of 24 partitions of `ev` (`ev_2025_01` to `ev_2026_12`) are different after up and down
-- 002.down:2 warning down-blocks: the down file blocks production (type-change-rewrite): 24 partitions of `ev` (`ev_2025_01` to `ev_2026_12`) are rewritten under ACCESS EXCLUSIVE, which an earlier statement took
