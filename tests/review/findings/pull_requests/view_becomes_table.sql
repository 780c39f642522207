-- A view becomes a table of the same name.

-- base
create role reader;
create table raw (id int primary key, v int);
create view totals as select id, v from raw;
create function ins() returns trigger language plpgsql as $$ begin insert into raw values (new.id, new.v); return new; end $$;
create trigger ins instead of insert on totals for each row execute function ins();
grant select on totals to reader;
create view totals2 as select * from totals;

-- up mat
drop view totals2;
drop view totals;
create table totals as select id, v from raw;
create view totals2 as select * from totals;

-- down mat
drop view totals2; drop table totals;
create view totals as select id, v from raw;
create trigger ins instead of insert on totals for each row execute function ins();
grant select on totals to reader;
create view totals2 as select * from totals;

-- found
-- 002.up:3 danger grants-lost: `totals` was dropped and created again: `reader` has lost SELECT
-- 002.up:3 danger work-under-lock: `raw` is read while `totals2` is locked in ACCESS EXCLUSIVE mode
-- 002.up:3 warning trigger-removed: the trigger `totals.ins` no longer fires on INSERT
