create type colour as enum ('red', 'green');
create table products (id bigint generated always as identity primary key, name text not null);
insert into products (name) select 'product ' || i from generate_series(1, 200) i;
