-- sqlmigrate: no-transaction
create unique index concurrently order_totals_key on order_totals (customer_id);
-- down
-- sqlmigrate: no-transaction
drop index concurrently order_totals_key;
-- next migration
refresh materialized view concurrently order_totals;
-- down
select 1;
