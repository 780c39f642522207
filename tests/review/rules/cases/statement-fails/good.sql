create or replace view open_orders as select id, total, state from orders where state = 'open';
-- down
drop view open_orders;
create view open_orders as select id, total from orders where state = 'open';
