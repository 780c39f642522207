-- sqlmigrate: no-transaction
alter table events detach partition events_2024 concurrently;
-- down
alter table events attach partition events_2024 for values from ('2024-01-01') to ('2025-01-01');
alter table events_2024 drop constraint events_2024_day_check;
