-- sqlmigrate: irreversible (a shorter column would cut names off)
alter table users drop constraint users_name_check;
alter table users alter column name type text;
alter table users add constraint users_name_check check (name <> '') not valid;
-- next migration
alter table users validate constraint users_name_check;
-- down
alter table users drop constraint users_name_check;
alter table users add constraint users_name_check check (name <> '') not valid;
