alter table orders add column currency text;
create index concurrently orders_state on orders (state);
-- down
drop index orders_state;
alter table orders drop column currency;
