-- Of two foreign keys one gets an index later in the file.

-- base
create table a (id int primary key);
create table b (id int primary key, a1 int, a2 int);

-- up p
alter table b add constraint b_a1 foreign key (a1) references a not valid;
alter table b add constraint b_a2 foreign key (a2) references a not valid;
create view bb as select a1, a2 from b;
create index b_a1_idx on b (a1);

-- down p
drop view bb; drop index b_a1_idx; alter table b drop constraint b_a1, drop constraint b_a2;

-- found
-- 002.up:2 note fk-without-index: no index on `b` begins with `a2`: each DELETE of a referenced row, and each change of its key, reads the whole table
-- 002.up:4 danger create-index-blocking: an index on `b` is built under SHARE ROW EXCLUSIVE, which an earlier statement took
