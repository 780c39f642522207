-- Dates are written with the day or the month first: in a row, a default, a CHECK.

-- base
create table b (id int primary key, born text, d date);

-- up f
update b set d = to_date(born, 'DD/MM/YYYY') where id < 10;
insert into b (id, d) values (5000001, '01/02/2025');
alter table b alter column d set default '03/04/2025';
alter table b add constraint d_min check (d > '05/06/1990') not valid;

-- down f
alter table b drop constraint d_min; alter table b alter column d drop default; delete from b where id = 5000001;

-- found
-- 002.up:2+3+4 note depends-on-setting: the rows that are written depend on the session's DateStyle; the default of `b.d` depends on the session's DateStyle; the definition of `b.d_min` depends on the session's DateStyle
