alter table users alter column name type text;
-- down
alter table users alter column name type varchar(40);
