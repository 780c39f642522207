alter table orders add constraint orders_customer_fkey foreign key (customer) references customers not valid;
-- down
alter table orders drop constraint orders_customer_fkey;
