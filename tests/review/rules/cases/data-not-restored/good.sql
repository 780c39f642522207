create table orders_before_002 as select id, total from orders;
update orders set total = round(total, 2);
-- down
update orders o set total = b.total from orders_before_002 b where b.id = o.id;
drop table orders_before_002;
