alter table orders add constraint orders_customer_fkey foreign key (customer_id) references customers (id);
-- down
alter table orders drop constraint orders_customer_fkey;
