-- sqlmigrate: no-transaction
create index concurrently events_at on events (at);
-- down
-- sqlmigrate: no-transaction
drop index concurrently events_at;
