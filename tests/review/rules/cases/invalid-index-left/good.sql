-- sqlmigrate: no-transaction
drop index concurrently if exists orders_customer_index;
create index concurrently orders_customer_index on orders (customer_id);
-- down
-- sqlmigrate: no-transaction
drop index concurrently orders_customer_index;
