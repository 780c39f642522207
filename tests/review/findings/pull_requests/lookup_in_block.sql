-- A block looks for a row that only production has.

-- base
create table settings (key text primary key, value text not null);
create table plans (id serial primary key, name text not null unique);

-- up doblock
do $$ declare v text; pid int; begin
  select value into strict v from settings where key = 'default_plan';
  select id into strict pid from plans where name = v;
  insert into settings values ('default_plan_id', pid::text);
end $$;
alter table plans add column price_cents int not null default 0;

-- down doblock
alter table plans drop column price_cents;
delete from settings where key = 'default_plan_id';

-- found
-- 002.up:2 warning fails-on-data: it fails without production's rows: query returned no rows
