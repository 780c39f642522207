alter table orders add column discount integer default 0 check (discount >= 0);
-- down
alter table orders drop column discount;
