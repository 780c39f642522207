alter table orders add constraint orders_total_check check (total >= 0) not valid;
alter table orders validate constraint orders_total_check;
-- down
alter table orders drop constraint orders_total_check;
