alter table orders drop constraint orders_fk_customer;
alter table orders add constraint orders_customer_id_fkey foreign key (customer_id) references customers (id);
-- down
alter table orders drop constraint orders_customer_id_fkey;
alter table orders add constraint orders_fk_customer foreign key (customer_id) references customers (id);
