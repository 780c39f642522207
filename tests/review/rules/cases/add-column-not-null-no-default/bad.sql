alter table orders add column currency text not null;
-- down
alter table orders drop column currency;
