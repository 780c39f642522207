create table orders (id bigint generated always as identity primary key, total numeric not null);
insert into orders (total) select i + 0.005 from generate_series(1, 200) i;
