alter table builds add column total_2 numeric;
-- down
alter table builds drop column total_2;
