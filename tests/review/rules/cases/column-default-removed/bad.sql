alter table orders alter column currency drop default;
-- down
alter table orders alter column currency set default 'EUR';
