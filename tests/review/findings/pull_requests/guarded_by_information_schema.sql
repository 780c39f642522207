-- A DO block asks the information schema before it changes a type.

-- base
create table meters (id serial primary key, reading text, unit varchar(10));
create table readings (id serial primary key, meter_id int not null references meters, taken date);

-- up cast
do $$
begin
  if exists (select 1 from information_schema.columns where table_name = 'meters' and column_name = 'reading' and data_type = 'text') then
    alter table meters alter column reading type numeric(12,3) using nullif(trim(reading), '')::numeric;
  end if;
end $$;
create view meter_totals as select m.id, sum(m.reading) from meters m group by 1;
alter table readings add constraint one_per_day unique (meter_id, taken);

-- down cast
alter table readings drop constraint one_per_day;
drop view meter_totals;
alter table meters alter column reading type text;

-- found
-- 002.up:1 danger type-change-rewrite: `meters` is rewritten under ACCESS EXCLUSIVE
-- 002.up:4 warning fails-on-data: it fails on generated rows: invalid input syntax for type numeric: "Word 2"
-- 002.up:8 danger unique-constraint-builds-index: an index on `readings` is built under ACCESS EXCLUSIVE
-- 002.up:8 warning two-exclusive-tables: `readings` is locked in ACCESS EXCLUSIVE mode while `meters` is locked: a session that locks them in the opposite order causes a deadlock
-- 002.down:3 warning down-blocks: the down file blocks production (type-change-rewrite): `meters` is rewritten under ACCESS EXCLUSIVE
