create table orders (id bigint generated always as identity primary key, owner name not null);
insert into orders (owner) select 'shop' from generate_series(1, 200);
