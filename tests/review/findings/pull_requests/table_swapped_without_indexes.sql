-- A new table lacks indexes of the old one; what another index serves is not missed.

-- base
create table products (id bigint primary key, sku text not null, title text not null, price numeric not null check (price >= 0), made date, words tsvector);
create index products_sku on products (sku);
create index products_title on products (lower(title));
create index products_made on products (made) where made is not null;
create index products_words on products using gin (words);
create table stores (id int primary key, city text, opened date);
create index stores_city on stores (city);
create index stores_opened on stores (opened);

-- up products
alter table products rename to products_old;
create table products (id bigint primary key, sku text not null, title text not null, price numeric not null check (price >= 0), made date, words tsvector);
create index on products (made);
insert into products select * from products_old;

-- down products
insert into products_old select * from products on conflict (id) do nothing;
drop table products;
alter table products_old rename to products;

-- up stores
create table stores_new (id int primary key, city text);
create index on stores_new (city, id);
insert into stores_new select id, city from stores;
alter table stores rename to stores_old;
alter table stores_new rename to stores;

-- down stores
insert into stores_old (id, city) select id, city from stores on conflict (id) do nothing;
drop table stores;
alter table stores_old rename to stores;

-- found
-- 002.up:2 warning index-not-copied: the indexes `products.products_sku`, `products.products_title` and `products.products_words` are gone: queries read the whole table; still on `products_old`
-- 002.up:4 danger work-under-lock: `products` is scanned under ACCESS EXCLUSIVE, which an earlier statement took
-- 003.up:5 danger drop-column: `stores.opened` no longer exists: the table that is `stores` now has no such column
