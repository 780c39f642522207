do $$
begin
    execute 'reindex index orders_state_index';
end
$$;
-- down
select 1;
