create table customers (id bigint primary key, name text);
insert into customers select n, 'customer ' || n from generate_series(1, 200) n;
create table orders (id bigint primary key, total integer);
insert into orders select n, n from generate_series(1, 200) n;
