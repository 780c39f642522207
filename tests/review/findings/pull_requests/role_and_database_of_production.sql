-- Merged and new files name roles that only production has, and the database by its name there.

-- base
set role app_owner;
create table orders (id int primary key, note text, at timestamp);
reset role;
alter database shop set timezone to 'Europe/Berlin';
grant connect, temporary on database shop to web;
comment on database shop is 'the shop';
alter default privileges for role app_owner in schema public grant select on tables to web;

-- up a
set role app_owner;
alter table orders add column more text;
create index orders_note on orders (note);
alter table orders alter column at type timestamptz;
reset role;
alter role app_ro set statement_timeout = '5s';
grant app_owner to app_deploy;
comment on role app_ro is 'reads';
alter database shop reset timezone;

-- down a
set role app_owner;
drop index orders_note; alter table orders drop column more;
alter table orders alter column at type timestamp;
reset role;

-- found
-- 002.up:3 danger create-index-blocking: an index on `orders` is built under ACCESS EXCLUSIVE, which an earlier statement took
-- 002.up:4 danger type-change-rewrite: `orders` is rewritten under ACCESS EXCLUSIVE, which an earlier statement took
-- 002.up:4 note depends-on-setting: the new values of `orders.at` depend on the session's TimeZone
-- 002.down:1 danger data-not-restored: the 300 rows of `orders` are different after up and down
-- 002.down:1 danger down-incomplete: after up and down setting `TimeZone` is missing
