alter table builds add column number_2 integer;
-- down
alter table builds drop column number_2;
