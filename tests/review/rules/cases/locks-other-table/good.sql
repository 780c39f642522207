-- sqlmigrate: allow locks-other-table (customers is locked for an instant, and the file holds nothing else)
alter table orders drop constraint orders_customer_fkey;
-- down
-- sqlmigrate: no-transaction
alter table orders add constraint orders_customer_fkey
    foreign key (customer_id) references customers (id) not valid;
alter table orders validate constraint orders_customer_fkey;
