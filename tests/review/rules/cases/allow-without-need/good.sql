alter table customers add column phone text;
-- down
alter table customers drop column phone;
