-- A trigger refuses rows of an UPDATE.

-- base
create table accounts (id int primary key, balance numeric not null default 0, country char(2));
create function guard() returns trigger language plpgsql as $$ begin
 if new.country is not null and new.country not in ('DE','FR') then raise exception 'unknown country %', new.country; end if; return new; end $$;
create trigger guard before update on accounts for each row execute function guard();

-- up upd
update accounts set balance = balance + 0.01;
alter table accounts add column note text;

-- down upd
alter table accounts drop column note;

-- found
-- 002.up:1 warning fails-on-data: it fails on generated rows: unknown country ac (raised in function guard() line 2)
