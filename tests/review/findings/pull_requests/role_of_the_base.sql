-- A file executes its statements as a role of the base that lacks a right.

-- base
create role app_owner nologin;
create role app_ro nologin;
set role app_owner;
reset role;
create table orders (id int primary key, note text);
alter table orders owner to app_owner;
grant select on orders to app_ro;

-- up a
set role app_owner;
create index orders_note on orders (note);
create table more (id int primary key, order_id int references orders);
grant select on more to app_ro;
reset role;

-- down a
set role app_owner;
drop table more;
drop index orders_note;

-- found
-- 002.up:2 danger create-index-blocking: an index on `orders` is built under SHARE
-- 002.up:2 warning needs-more-rights: the file sets the role `app_owner`, which lacks a right: permission denied for schema public
-- 002.up:3 note fk-without-index: no index on `more` begins with `order_id`: each DELETE of a referenced row, and each change of its key, reads the whole table
