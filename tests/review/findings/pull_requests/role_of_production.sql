-- A file executes its statements as a role that only production has.

-- base
create table orders (id int primary key, note text);

-- up a
set local role app_owner;
create index orders_note on orders (note);

-- down a
drop index orders_note;

-- found
-- 002.up:2 danger create-index-blocking: an index on `orders` is built under SHARE
