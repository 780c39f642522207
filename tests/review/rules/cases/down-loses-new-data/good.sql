create table products_new (like products including all);
insert into products_new overriding system value select * from products;
select setval(pg_get_serial_sequence('products_new', 'id'), (select max(id) from products_new));
alter table products rename to products_old;
alter table products_new rename to products;
-- down
insert into products_old (id, sku, price) overriding system value
select id, sku, price from products
on conflict (id) do update set sku = excluded.sku, price = excluded.price;
drop table products;
alter table products_old rename to products;
