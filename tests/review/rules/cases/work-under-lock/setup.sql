create table orders (id bigint primary key, state text not null, total integer);
insert into orders select n, 'open', n from generate_series(1, 200) n;
create table customers (id bigint primary key, score integer);
insert into customers select n, n from generate_series(1, 200) n;
