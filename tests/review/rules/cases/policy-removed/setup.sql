create table orders (id bigint generated always as identity primary key, owner name not null);
insert into orders (owner) select 'shop' from generate_series(1, 200);

create policy own_orders on orders using (owner = current_user);
alter table orders enable row level security;
