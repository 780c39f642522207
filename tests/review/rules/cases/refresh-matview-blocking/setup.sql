create table orders (id bigint primary key, customer_id bigint not null, total integer not null);
insert into orders select n, n % 20, n from generate_series(1, 200) n;
create materialized view order_totals as
    select customer_id, sum(total) as total from orders group by customer_id;
