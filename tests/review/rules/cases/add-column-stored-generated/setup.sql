create table orders (id bigint primary key, net numeric not null);
insert into orders select n, n from generate_series(1, 200) n;
