create index events_at on only events (at);
-- down
drop index events_at;
-- next migration
-- sqlmigrate: no-transaction
create index concurrently events_2025_at on events_2025 (at);
-- down
-- sqlmigrate: no-transaction
drop index concurrently events_2025_at;
-- next migration
-- sqlmigrate: irreversible (the index of a partition cannot be detached)
alter index events_at attach partition events_2025_at;
