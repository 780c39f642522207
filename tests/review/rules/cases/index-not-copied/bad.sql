create table products_new (id bigint primary key, sku text not null, title text not null, price numeric);
insert into products_new select * from products;
alter table products rename to products_old;
alter table products_new rename to products;
-- down
insert into products_old select * from products on conflict (id) do nothing;
drop table products;
alter table products_old rename to products;
