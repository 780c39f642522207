alter table orders add constraint orders_id_index primary key using index orders_id_index;
-- down
alter table orders drop constraint orders_id_index;
alter table orders alter column id drop not null;
create unique index orders_id_index on orders (id);
