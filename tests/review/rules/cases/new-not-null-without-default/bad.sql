alter table orders alter column currency set not null;
-- down
alter table orders alter column currency drop not null;
