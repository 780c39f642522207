do $$
begin
    execute format('alter table %I add constraint orders_total_check check (total >= 0)', 'orders');
end
$$;
-- down
alter table orders drop constraint orders_total_check;
