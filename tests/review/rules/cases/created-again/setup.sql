create table customers (id bigint primary key, name text not null);
create table orders (id bigint primary key, customer_id bigint constraint orders_fk_customer references customers, total numeric constraint positive check (total >= 0));
create index orders_customer on orders (customer_id);
insert into customers select i, 'n' || i from generate_series(1, 200) i;
insert into orders select i, i, i from generate_series(1, 200) i;
