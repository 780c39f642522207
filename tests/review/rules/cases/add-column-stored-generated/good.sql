alter table orders add column gross numeric generated always as (net * 1.2) virtual;
-- down
alter table orders drop column gross;
