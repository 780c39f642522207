alter table customers add column full_name text;
update customers set full_name = first || ' ' || last;
-- down
alter table customers drop column full_name;
