-- sqlmigrate: no-transaction
create index concurrently orders_customer on orders (customer);
-- down
-- sqlmigrate: no-transaction
drop index concurrently orders_customer;
-- next migration
alter table orders add constraint orders_customer_fkey foreign key (customer) references customers not valid;
-- down
alter table orders drop constraint orders_customer_fkey;
