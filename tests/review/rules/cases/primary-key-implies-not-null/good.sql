alter table orders add constraint orders_id_not_null check (id is not null) not valid;
-- down
alter table orders drop constraint orders_id_not_null;
-- next migration
alter table orders validate constraint orders_id_not_null;
-- down
alter table orders drop constraint orders_id_not_null;
alter table orders add constraint orders_id_not_null check (id is not null) not valid;
-- next migration
alter table orders alter column id set not null;
alter table orders add constraint orders_id_index primary key using index orders_id_index;
-- down
-- sqlmigrate: no-transaction
alter table orders drop constraint orders_id_index;
alter table orders alter column id drop not null;
create unique index concurrently orders_id_index on orders (id);
