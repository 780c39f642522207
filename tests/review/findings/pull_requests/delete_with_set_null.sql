-- A DELETE of few rows deletes and changes rows of other tables.

-- base
create table cust (id int primary key, active bool not null default true);
create table ord (id int primary key, cust int references cust on delete cascade);
create table line (id int primary key, ord int references ord on delete cascade);
create table note (id int primary key, cust int references cust on delete set null);
create index on ord(cust); create index on line(ord); create index on note(cust);
insert into cust select i from generate_series(1,200) i; insert into ord select i, i from generate_series(1,200) i; insert into line select i,i from generate_series(1,200) i; insert into note select i,i from generate_series(1,200) i;

-- up d
delete from cust where id in (1,2,3);

-- down d
insert into cust select generate_series(1,3);

-- found
-- 002.up:1 danger rows-lost: `cust` had 200 rows, and has 197 after up; foreign keys delete 6 rows of `line` and `ord` too; foreign keys change 3 rows of `note` too
-- 002.down:1 danger data-not-restored: `line` and `ord` had 400 rows, and have 394 after up and down; the 200 rows of `note` are different after up and down
