create or replace function order_total(o bigint) returns numeric language sql stable
    as 'select coalesce(total, 0) from orders where id = o';
-- down
create or replace function order_total(o bigint) returns numeric language sql stable
    as 'select total from orders where id = o';
