create index events_kind_index on only events (kind);
-- down
drop index events_kind_index;
-- next migration
-- sqlmigrate: no-transaction
create index concurrently events_2024_kind_index on events_2024 (kind);
-- down
-- sqlmigrate: no-transaction
drop index concurrently events_2024_kind_index;
-- next migration
-- sqlmigrate: no-transaction
create index concurrently events_2025_kind_index on events_2025 (kind);
-- down
-- sqlmigrate: no-transaction
drop index concurrently events_2025_kind_index;
-- next migration
-- sqlmigrate: irreversible (an index of a partition is not detached; it goes with its parent)
alter index events_kind_index attach partition events_2024_kind_index;
alter index events_kind_index attach partition events_2025_kind_index;
