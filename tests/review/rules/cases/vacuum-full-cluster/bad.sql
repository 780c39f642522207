cluster orders using orders_pkey;
-- down
alter table orders set without cluster;
-- next migration
-- sqlmigrate: no-transaction
vacuum full orders;
-- down
select 1;
