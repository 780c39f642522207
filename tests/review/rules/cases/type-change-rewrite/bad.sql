alter table orders alter column total type numeric(12, 2);
-- down
alter table orders alter column total type integer;
