alter table orders add column total_new numeric(12, 2);
create function orders_total_new() returns trigger language plpgsql as $$
begin
    new.total_new := new.total;
    return new;
end
$$;
create trigger orders_total_new before insert or update on orders
    for each row execute function orders_total_new();
-- down
drop trigger orders_total_new on orders;
drop function orders_total_new();
alter table orders drop column total_new;
