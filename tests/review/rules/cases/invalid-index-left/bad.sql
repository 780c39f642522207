-- sqlmigrate: no-transaction
create index concurrently if not exists orders_customer_index on orders (customer_id);
-- down
-- sqlmigrate: no-transaction
drop index concurrently orders_customer_index;
