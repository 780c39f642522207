drop function order_total(bigint);
-- down
create function order_total(o bigint) returns numeric language sql stable as 'select total from orders where id = o';
