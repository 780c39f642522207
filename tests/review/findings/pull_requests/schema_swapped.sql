-- Two schemas swap their names.

-- base
create role web;
create schema app; create schema app_next;
create table app.users (id int primary key, email text unique);
create table app.audit (id int);
create table app_next.users (id int primary key, email text);
grant usage on schema app to web; grant select on app.users to web;

-- up swap
alter schema app rename to app_old;
alter schema app_next rename to app;

-- down swap
alter schema app rename to app_next;
alter schema app_old rename to app;

-- found
-- 002.up:1 danger set-schema: the table `app.audit` is now `app_old.audit`: the schema that is `app` now does not have it
-- 002.up:2 danger grants-lost: `app` is another schema now: `web` has lost USAGE; `app.users` is another table now: `web` has lost SELECT
-- 002.up:2 danger rename-schema: the schema `app_next` is renamed to `app`: the running application still uses the old name
-- 002.up:2 danger unique-removed: the unique constraint `app.users.users_email_key` is gone: INSERT ... ON CONFLICT (email) of the running application fails, and duplicates can be inserted; it remains with `app_old.users`
