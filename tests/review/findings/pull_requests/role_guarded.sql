-- A role is created if it does not exist, gets rights and settings.

-- base
create table t (id int);
create role existing;

-- up a
do $$ begin
  if not exists (select from pg_roles where rolname = 'app_rw') then create role app_rw nologin; end if;
end $$;
grant select, insert on t to app_rw;
grant app_rw to existing;
alter role existing set search_path = app, public;
alter role app_rw in database postgres set work_mem = '8MB';

-- down a
revoke app_rw from existing;
revoke all on t from app_rw;
drop role app_rw;

-- found
