drop index orders_state_index;
-- down
create index orders_state_index on orders (state);
