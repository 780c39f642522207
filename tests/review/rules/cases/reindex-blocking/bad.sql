reindex index orders_state_index;
-- down
select 1;
