alter table orders alter column currency set default 'EUR';
alter table orders add constraint orders_currency check (currency is not null) not valid;
-- down
alter table orders drop constraint orders_currency;
alter table orders alter column currency drop default;
-- next migration
alter table orders validate constraint orders_currency;
-- down
alter table orders drop constraint orders_currency;
alter table orders add constraint orders_currency check (currency is not null) not valid;
-- next migration
alter table orders alter column currency set not null;
-- down
alter table orders alter column currency drop not null;
