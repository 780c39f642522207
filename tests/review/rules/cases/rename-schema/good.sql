create schema shop;
create view shop.orders as select * from legacy.orders;
-- down
drop view shop.orders;
drop schema shop;
