drop view open_orders;
-- down
create view open_orders as select id, total from orders where state = 'open';
