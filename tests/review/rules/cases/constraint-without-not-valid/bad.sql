alter table orders add constraint orders_total_check check (total >= 0);
-- down
alter table orders drop constraint orders_total_check;
