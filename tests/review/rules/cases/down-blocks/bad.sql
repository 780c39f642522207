-- sqlmigrate: no-transaction
drop index concurrently orders_state;
-- down
create index orders_state on orders (state);
