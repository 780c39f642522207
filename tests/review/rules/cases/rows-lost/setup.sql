create table orders (id bigint primary key, state text not null, is_test boolean not null);
insert into orders select i, 'open', i % 10 = 0 from generate_series(1, 200) i;
