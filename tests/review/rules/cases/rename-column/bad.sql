alter table customers rename column name to full_name;
-- down
alter table customers rename column full_name to name;
