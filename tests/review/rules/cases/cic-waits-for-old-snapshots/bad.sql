-- sqlmigrate: no-transaction
set lock_timeout = '2s';
create index concurrently orders_customer_index on orders (customer_id);
-- down
-- sqlmigrate: no-transaction
drop index concurrently orders_customer_index;
