create table customers (id bigint generated always as identity primary key, email text);
insert into customers (email) select 'c' || i || '@example.org' from generate_series(1, 195) i;
insert into customers (email) select null from generate_series(1, 5);
