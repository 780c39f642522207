create table orders (id uuid primary key default gen_random_uuid(), total integer);
insert into orders (total) select n from generate_series(1, 200) n;
