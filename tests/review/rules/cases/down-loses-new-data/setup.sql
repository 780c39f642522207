create table products (id bigint generated always as identity primary key, sku text not null, price numeric not null);
insert into products (sku, price) select 'P' || i, i from generate_series(1, 200) i;
