alter table builds rename column number to number_old;
alter table builds add column number bigint;
