create view recent_orders as select id from orders where opened_at > now() - interval '1 month';
-- down
drop view recent_orders;
