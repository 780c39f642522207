drop policy own_orders on orders;
-- down
create policy own_orders on orders using (owner = current_user);
