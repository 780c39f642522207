-- sqlmigrate: irreversible (a test)
create unique index concurrently tokens_device_user on tokens (device, user_id);
-- next migration
-- sqlmigrate: irreversible (a test)
alter table tokens drop constraint tokens_user_device;
