-- A pull request of five files makes a table, fills it, checks another one.

-- base
create table orders (id int primary key, total numeric);

-- up create
create table order_tags (order_id int not null, tag text not null, primary key (order_id, tag));

-- down create
drop table order_tags;

-- up fill
insert into order_tags select id, 'old' from orders;

-- down fill
delete from order_tags where tag = 'old';

-- up check
alter table orders add constraint total_pos check (total >= 0) not valid;

-- down check
alter table orders drop constraint total_pos;

-- up val
alter table orders validate constraint total_pos;

-- down val
-- nothing to undo: the constraint stays valid

-- found
-- 005.down:1 note down-missing: sql/005_val.down.sql contains no SQL, so `down` refuses it
