-- A new table is filled without the ids of the old one, once in the same file and once in a later one.

-- base
create table products (id bigint generated always as identity primary key, sku varchar(50) not null, title text not null, made date not null default current_date);
create table stores (id int primary key, city text);
create table tags (id uuid primary key default gen_random_uuid(), name text not null);

-- up products
alter table products rename to products_old;
create table products (id bigint generated always as identity primary key, sku varchar(50) not null, title text not null, made date not null default current_date, currency char(3) not null default 'EUR');

-- down products
drop table products;
alter table products_old rename to products;

-- up fill
insert into products (sku, title)
select sku, title from products_old;

-- down fill
truncate products;

-- up stores
create table stores_new (like stores including all);
insert into stores_new select id + 1000000, city from stores;
alter table stores rename to stores_old;
alter table stores_new rename to stores;

-- down stores
alter table stores rename to stores_new;
alter table stores_old rename to stores;
drop table stores_new;

-- up tags
create table tags_new as select t.name from tags t;
alter table tags_new add column id uuid not null default gen_random_uuid();
alter table tags_new add primary key (id);
drop table tags;
alter table tags_new rename to tags;

-- found
-- 002.up:2 danger rows-lost: `products` had 300 rows, and is another table with 0 now: the old rows are in `products_old`
-- 002.down:2 warning down-loses-new-data: rows that are written to `products` after up are lost by down: it gives the name back to the old table
-- 003.up:1 danger column-not-copied: `products.id` has other values than before: the INSERT leaves it out; what refers to an old value finds another row, or none; `products.made` has other values than before: the INSERT leaves it out; the old values are in `products_old`
-- 004.up:2 danger column-not-copied: `stores.id` has other values than before; what refers to an old value finds another row, or none
-- 004.down:2 warning down-loses-new-data: rows that are written to `stores` after up are lost by down: it gives the name back to the old table
-- 005.up:1 danger column-not-copied: `tags.id` has other values than before: CREATE TABLE AS leaves it out; what refers to an old value finds another row, or none
-- 005.up:1 warning down-missing: there is no down file
