alter table orders add column discount integer default 0;
alter table orders add constraint orders_discount_check check (discount >= 0) not valid;
-- down
alter table orders drop column discount;
-- next migration
alter table orders validate constraint orders_discount_check;
-- down
alter table orders drop constraint orders_discount_check;
alter table orders add constraint orders_discount_check check (discount >= 0) not valid;
