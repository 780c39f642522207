-- sqlmigrate: no-transaction
do $$
declare
    first bigint := 0;
    last bigint := (select max(id) from orders);
begin
    while first <= last loop
        update orders set tax = total / 5 where id >= first and id < first + 100;
        commit;
        first := first + 100;
    end loop;
end
$$;
-- down
-- sqlmigrate: no-transaction
update orders set tax = 0;
