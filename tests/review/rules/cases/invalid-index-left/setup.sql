create table orders (id bigint primary key, customer_id bigint not null);
insert into orders select n, n % 20 from generate_series(1, 200) n;
