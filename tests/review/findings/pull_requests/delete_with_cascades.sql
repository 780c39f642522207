-- One DELETE reaches three further tables by foreign keys.

-- base
create table a (id int primary key);
create table b (id int primary key, a int references a on delete cascade);
create table c (id int primary key, b int references b on delete cascade);
create table d (id int primary key, c int references c on delete cascade);
create index on b (a); create index on c (b); create index on d (c);
insert into a select generate_series(1,200); insert into b select i, i from generate_series(1,200) i; insert into c select i,i from generate_series(1,200) i;insert into d select i,i from generate_series(1,200) i;

-- up del
delete from a where id > 20;

-- down del
select 1;

-- found
-- 002.up:1 danger rows-lost: `a` had 200 rows, and has 20 after up; foreign keys delete 540 rows of `b`, `c` and `d` too
-- 002.up:1 warning bulk-dml: 720 of 800 rows of `a`, `b` and 2 more are written in one transaction
-- 002.down:1 danger data-not-restored: `a`, `b` and 2 more had 800 rows, and have 80 after up and down
