alter table orders add column currency text;
