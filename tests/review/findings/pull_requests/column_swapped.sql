-- A column is copied to a wider one, which takes its name.

-- base
create table users (id serial primary key, name text);
create table posts (id bigserial primary key, user_id int not null references users on delete cascade, body text);
create index on posts (user_id);

-- up swap
alter table users add column id_new bigint;
update users set id_new = id;
alter table users drop constraint users_pkey cascade;
alter table users rename column id to id_old;
alter table users rename column id_new to id;
alter table users alter column id set not null;
alter table users add primary key (id);

-- down swap
select 1;

-- found
-- 002.up:2 danger work-under-lock: `users` is scanned under ACCESS EXCLUSIVE, which an earlier statement took
-- 002.up:2 warning bulk-dml: 300 of 300 rows of `users` are written in one transaction
-- 002.up:3 danger cascade-drops-dependents: the constraint `posts.posts_user_id_fkey` is dropped too, although the file does not name it
-- 002.up:3 warning locks-other-table: `posts` is locked in ACCESS EXCLUSIVE mode, but the statement does not name it
-- 002.up:3 warning two-exclusive-tables: `posts` is locked in ACCESS EXCLUSIVE mode while `users` is locked: a session that locks them in the opposite order causes a deadlock
-- 002.up:5 note column-widened: `users.id` is another column now: it has the type bigint, not integer
-- 002.up:6 danger new-not-null-without-default: the new column `users.id` is NOT NULL, without a default: an INSERT of the running application fails
-- 002.up:6 danger set-not-null-scan: `users` is scanned under ACCESS EXCLUSIVE, which an earlier statement took
-- 002.up:7 danger unique-constraint-builds-index: an index on `users` is built under ACCESS EXCLUSIVE, which an earlier statement took
-- 002.down:1 danger down-incomplete: after up and down column `users.id_old` is left behind, constraint `posts.posts_user_id_fkey` is missing, column `users.id` (default: nextval('public.users_id_seq'::regclass), now none; type: integer, now bigint), sequence `users_id_seq` (owned by: public.users.id, now public.users.id_old) are different
-- 002.down:1 note down-loses-new-data: values that are written to `users.id` after up are lost by down
