-- What users have chosen is lost; dropping the foreign key locks users for a moment, as making it did.
-- sqlmigrate: lock-timeout 5s

drop table user_settings;
