-- A unique index of expressions becomes partial.

-- base
create table users (id uuid primary key, tenant int not null, email text not null, deleted_at timestamptz);
create unique index users_email on users (tenant, lower(email));

-- up a
create unique index users_email_active on users (tenant, lower(email)) where deleted_at is null;
drop index users_email;

-- down a
create unique index users_email on users (tenant, lower(email));
drop index users_email_active;

-- found
-- 002.up:1 danger create-index-blocking: an index on `users` is built under SHARE
-- 002.up:2 danger unique-removed: the unique index `users.users_email` is replaced by the partial index `users_email_active`, only for rows with (deleted_at IS NULL): INSERT ... ON CONFLICT (tenant, lower(email)) of the running application fails, and duplicates can be inserted
-- 002.up:2 warning drop-index-blocking: dropping `users_email` locks `users` in ACCESS EXCLUSIVE mode
-- 002.down:1 warning down-blocks: the down file blocks production (create-index-blocking): an index on `users` is built under SHARE
