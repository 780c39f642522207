alter table orders alter column total set not null;
-- down
alter table orders alter column total drop not null;
