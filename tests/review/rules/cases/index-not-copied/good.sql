create table products_new (like products including all);
insert into products_new select * from products;
alter table products rename to products_old;
alter table products_new rename to products;
-- down
insert into products_old select * from products on conflict (id) do nothing;
drop table products;
alter table products_old rename to products;
