create table orders (id bigint primary key, total integer not null);
insert into orders select n, n from generate_series(1, 200) n;
