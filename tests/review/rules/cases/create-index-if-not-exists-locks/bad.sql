create index if not exists orders_customer_index on orders (customer_id);
-- down
select 1;
