create table orders (id bigint generated always as identity primary key, note varchar(10));
insert into orders (note) select 'n' || i from generate_series(1, 200) i;
