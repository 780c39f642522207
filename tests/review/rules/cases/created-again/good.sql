alter table orders rename constraint orders_fk_customer to orders_customer_id_fkey;
alter index orders_customer rename to orders_customer_id;
-- down
alter index orders_customer_id rename to orders_customer;
alter table orders rename constraint orders_customer_id_fkey to orders_fk_customer;
