alter table users alter column name type varchar(80);
-- down
alter table users alter column name type varchar(40);
