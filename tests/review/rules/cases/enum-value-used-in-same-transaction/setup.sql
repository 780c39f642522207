create type order_state as enum ('open', 'sent');
create table orders (id bigint generated always as identity primary key, state order_state not null);
insert into orders (state) select 'open' from generate_series(1, 200);
