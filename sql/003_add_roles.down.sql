-- The roles of all users are lost. If you need them, save the table user_roles first.
-- sqlmigrate: lock-timeout 5s

drop table user_roles;
drop table role_permissions;
drop table permissions;
drop table roles;
