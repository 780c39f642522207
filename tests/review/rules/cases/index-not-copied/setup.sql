create table products (id bigint primary key, sku text not null, title text not null, price numeric check (price >= 0));
create index products_sku on products (sku);
create index products_title on products (lower(title)) where price > 0;
