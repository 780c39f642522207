-- All data of the shop is lost.

drop table order_lines;
drop table orders;
drop table products;
drop table customers;
