-- sqlmigrate: no-transaction
drop index concurrently orders_state_index;
-- down
-- sqlmigrate: no-transaction
create index concurrently orders_state_index on orders (state);
