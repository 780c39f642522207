-- sqlmigrate: no-transaction
alter table events detach partition events_2024 concurrently;
-- down
alter table events attach partition events_2024 for values from ('2024-01-01') to ('2025-01-01');
alter table events_2024 drop constraint events_2024_day_check;
-- next migration
-- sqlmigrate: irreversible (the rows have passed the retention period)
-- sqlmigrate: allow drop-table (the rows have passed the retention period)
drop table events_2024;
