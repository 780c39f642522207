-- Which user had which role is lost: save user_roles first where it matters.
-- sqlmigrate: lock-timeout 5s

drop table user_roles;
drop table role_permissions;
drop table permissions;
drop table roles;
