alter table builds drop column number;
alter table builds add column number integer;
