alter table builds add column number_2 bigint;
-- down
alter table builds drop column number_2;
