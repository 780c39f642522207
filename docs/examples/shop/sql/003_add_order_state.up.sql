-- Every order has a state.
--
-- The default is a constant, so no row is touched. The check is not valid at first: new rows must pass it, and old rows
-- are read later, in 005, while others read and write the table.
-- sqlmigrate: lock-timeout 500ms

alter table orders add column state text default 'new';
alter table orders add constraint orders_state_is_known
    check (state is not null and state in ('new', 'paid', 'sent', 'cancelled')) not valid;
