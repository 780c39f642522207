create table customers (id bigint generated always as identity primary key, name text not null, email text);
insert into customers (name, email) select 'Customer ' || i, 'c' || i || '@example.org' from generate_series(1, 200) i;
