alter table events_2025 add constraint events_2025_bound
    check (day is not null and day >= '2025-01-01' and day < '2026-01-01') not valid;
-- down
alter table events_2025 drop constraint events_2025_bound;
-- next migration
alter table events_2025 validate constraint events_2025_bound;
-- down
alter table events_2025 drop constraint events_2025_bound;
alter table events_2025 add constraint events_2025_bound
    check (day is not null and day >= '2025-01-01' and day < '2026-01-01') not valid;
-- next migration
alter table events attach partition events_2025 for values from ('2025-01-01') to ('2026-01-01');
-- down
-- sqlmigrate: no-transaction
alter table events detach partition events_2025 concurrently;
