alter table orders add column currency text not null default 'EUR';
-- down
alter table orders drop column currency;
