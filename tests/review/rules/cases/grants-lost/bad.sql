drop view open_orders;
create view open_orders as select id, total from orders where state <> 'done';
-- down
drop view open_orders;
create view open_orders as select id, total from orders where state = 'open';
grant select on open_orders to reporting;
