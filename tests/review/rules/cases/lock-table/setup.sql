create table orders (id bigint primary key, state text not null);
insert into orders select n, case when n = 1 then 'done' else 'open' end from generate_series(1, 200) n;
