alter table orders set schema shop;
create view orders as select * from shop.orders;
-- down
drop view orders;
alter table shop.orders set schema public;
