alter table orders add constraint orders_number_key unique (number);
-- down
alter table orders drop constraint orders_number_key;
