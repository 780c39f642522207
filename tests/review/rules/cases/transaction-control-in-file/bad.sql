alter table orders add column currency text;
commit;
alter table orders add column rate numeric;
-- down
alter table orders drop column rate;
alter table orders drop column currency;
