do $$
declare
    rounds bigint := 0;
begin
    loop
        rounds := rounds + 1;
        exit when not exists (select from orders);
    end loop;
end $$;
-- down
select 1;
