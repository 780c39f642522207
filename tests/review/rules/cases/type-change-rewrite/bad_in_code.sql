do $$
declare
    table_name text;
begin
    for table_name in select 'orders' loop
        execute format('alter table %I alter column total type numeric(12, 2)', table_name);
    end loop;
end
$$;
-- down
alter table orders alter column total type integer;
