create or replace view open_orders as select id from orders where state = 'open';
-- down
create or replace view open_orders as select id, total from orders where state = 'open';
