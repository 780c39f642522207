-- sqlmigrate: no-transaction
reindex index concurrently orders_state_index;
-- down
select 1;
