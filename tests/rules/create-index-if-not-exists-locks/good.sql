-- sqlmigrate: no-transaction
create index concurrently orders_customer_id_index on orders (customer_id, id);
-- down
-- sqlmigrate: no-transaction
drop index concurrently orders_customer_id_index;
