create table customers (id bigint generated always as identity primary key, name text not null);
create table orders (id bigint generated always as identity primary key, customer bigint not null);
insert into customers (name) select 'Customer ' || i from generate_series(1, 200) i;
insert into orders (customer) select i from generate_series(1, 200) i;
