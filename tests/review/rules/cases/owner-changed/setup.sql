create table orders (id bigint generated always as identity primary key, state text not null, total numeric(10, 2));
insert into orders (state, total) select 'open', i from generate_series(1, 200) i;

create role shop;
grant create on schema public to shop;
