create or replace trigger orders_touch before insert or update on orders for each row execute function touch();
-- down
create or replace trigger orders_touch before update on orders for each row execute function touch();
