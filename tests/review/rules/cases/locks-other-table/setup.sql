create table customers (id bigint primary key);
insert into customers select n from generate_series(1, 200) n;
create table orders (
    id bigint primary key,
    customer_id bigint not null constraint orders_customer_fkey references customers (id)
);
insert into orders select n, n from generate_series(1, 200) n;
create index orders_customer_index on orders (customer_id);
