alter table orders alter column currency set default 'USD';
-- down
alter table orders alter column currency set default 'EUR';
