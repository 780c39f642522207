do $$
declare
    rounds bigint := 0;
begin
    for rounds in 1 .. 100 loop
        exit when not exists (select from orders where id > rounds);
    end loop;
end $$;
-- down
select 1;
