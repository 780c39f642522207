alter table orders add constraint orders_customer_fkey
    foreign key (customer_id) references customers (id) not valid;
-- down
alter table orders drop constraint orders_customer_fkey;
-- next migration
alter table orders validate constraint orders_customer_fkey;
-- down
alter table orders drop constraint orders_customer_fkey;
alter table orders add constraint orders_customer_fkey
    foreign key (customer_id) references customers (id) not valid;
