-- sqlmigrate: no-transaction
create unique index concurrently orders_number_key on orders (number);
-- down
-- sqlmigrate: no-transaction
drop index concurrently orders_number_key;
-- next migration
alter table orders add constraint orders_number_key unique using index orders_number_key;
-- down
-- sqlmigrate: no-transaction
alter table orders drop constraint orders_number_key;
create unique index concurrently orders_number_key on orders (number);
