-- An UPDATE of a key and a TRUNCATE reach further tables by foreign keys.

-- base
create table a (id int primary key);
create table b (id int primary key, a int references a on update cascade on delete cascade);
create table c (id int primary key, a int references a on update cascade);
insert into a select generate_series(1,200); insert into b select i, i from generate_series(1,200) i; insert into c select i,i from generate_series(1,200) i;

-- up upd
update a set id = id + 1000;

-- down upd
update a set id = id - 1000;

-- up trunc
truncate a cascade;

-- down trunc
select 1;

-- found
-- 002.up:1 warning bulk-dml: 200 of 200 rows of `a` are written in one transaction; foreign keys change 400 rows of `b` and `c` too
-- 003.up:1 danger truncate: every row of `a`, `b` and `c` is deleted
-- 003.down:1 danger data-not-restored: `a`, `b` and `c` had 600 rows, and have 0 after up and down
