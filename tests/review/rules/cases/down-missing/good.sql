alter table orders add column currency text;
-- down
alter table orders drop column currency;
