alter table orders set schema shop;
-- down
alter table shop.orders set schema public;
