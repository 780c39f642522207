alter policy own_orders on orders using (owner in (current_user, 'everybody'));
-- down
alter policy own_orders on orders using (owner = current_user);
