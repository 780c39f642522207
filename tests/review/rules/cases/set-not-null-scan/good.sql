alter table orders add constraint orders_total_not_null check (total is not null) not valid;
-- down
alter table orders drop constraint orders_total_not_null;
-- next migration
alter table orders validate constraint orders_total_not_null;
-- down
alter table orders drop constraint orders_total_not_null;
alter table orders add constraint orders_total_not_null check (total is not null) not valid;
-- next migration
alter table orders alter column total set not null;
alter table orders drop constraint orders_total_not_null;
-- down
-- sqlmigrate: no-transaction
alter table orders alter column total drop not null;
alter table orders add constraint orders_total_not_null check (total is not null) not valid;
alter table orders validate constraint orders_total_not_null;
