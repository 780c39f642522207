-- Rows are written with casts whose result a setting decides.

-- base
create table x (id int primary key, i interval, b bytea, t timestamptz, n numeric, t2 text);

-- up f
update x set t2 = i::text;
update x set t2 = to_char(n, '999D99');
update x set t2 = b::text;
update x set t2 = t::text;
alter table x alter column t2 set default current_date::text;

-- down f
alter table x alter column t2 drop default;

-- found
-- 002.up:1+2+3+4 warning bulk-dml: 300 of 300 rows of `x` are written in one transaction
-- 002.up:1+3+4 note depends-on-setting: the rows that are written depend on the session's IntervalStyle; the rows that are written depend on the session's bytea_output; the rows that are written depend on the session's TimeZone
-- 002.down:1 danger data-not-restored: the 300 rows of `x` are different after up and down
