create policy own_orders on orders using (owner = current_user);
alter table orders enable row level security;
-- down
alter table orders disable row level security;
drop policy own_orders on orders;
