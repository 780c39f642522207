alter table customers add column full_name text;
-- down
alter table customers drop column full_name;
