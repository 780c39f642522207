create table orders (id bigint primary key, total integer not null, tax integer not null);
insert into orders select n, n, 0 from generate_series(1, 200) n;
