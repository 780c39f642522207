alter table customers alter column email set not null;
-- down
alter table customers alter column email drop not null;
