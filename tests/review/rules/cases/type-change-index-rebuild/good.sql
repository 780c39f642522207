-- sqlmigrate: no-transaction
drop index concurrently users_lower_name;
-- down
-- sqlmigrate: no-transaction
create index concurrently users_lower_name on users (lower(name));
-- next migration
-- sqlmigrate: irreversible (a shorter column would cut names off)
alter table users alter column name type varchar(80);
-- next migration
-- sqlmigrate: no-transaction
create index concurrently users_lower_name on users (lower(name));
-- down
-- sqlmigrate: no-transaction
drop index concurrently users_lower_name;
