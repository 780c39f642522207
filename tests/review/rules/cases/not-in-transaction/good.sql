-- sqlmigrate: no-transaction
create index concurrently orders_state on orders (state);
-- down
-- sqlmigrate: no-transaction
drop index concurrently orders_state;
