create table products (id bigint generated always as identity primary key, title text not null);
insert into products (title) select 'Product ' || i from generate_series(1, 20) i;
