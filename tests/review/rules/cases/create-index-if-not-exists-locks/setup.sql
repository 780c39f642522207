create table orders (id bigint primary key, customer_id bigint not null);
insert into orders select n, n % 20 from generate_series(1, 200) n;
create index orders_customer_index on orders (customer_id);
