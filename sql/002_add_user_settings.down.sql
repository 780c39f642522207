-- The settings of all users are lost. Dropping the foreign key locks the table users for a moment.
-- sqlmigrate: lock-timeout 5s

drop table user_settings;
