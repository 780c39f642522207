create table orders (id bigint primary key, number integer not null);
insert into orders select n, n from generate_series(1, 200) n;
