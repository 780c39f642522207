create index orders_customer_index on orders (customer_id);
-- down
drop index orders_customer_index;
