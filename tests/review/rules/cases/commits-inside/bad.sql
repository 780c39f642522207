-- sqlmigrate: no-transaction
do $$
begin
    create index orders_total on orders (total);
    commit;
end
$$;
-- down
drop index orders_total;
