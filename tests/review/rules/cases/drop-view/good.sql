create or replace view open_orders as select id, total from orders where state in ('open', 'sent');
-- down
create or replace view open_orders as select id, total from orders where state = 'open';
