alter table orders disable trigger orders_touch;
-- down
alter table orders enable trigger orders_touch;
