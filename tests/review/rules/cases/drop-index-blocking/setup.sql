create table orders (id bigint primary key, state text not null);
insert into orders select n, 'open' from generate_series(1, 200) n;
create index orders_state_index on orders (state);
