-- Functions say the name of a dropped column; one of them uses it.

-- base
create table orders (id int primary key, status text, customer int);
create table tickets (id int primary key, status text);
create function f_alias() returns bigint language plpgsql as $$ declare n bigint; begin select count(*) into n from orders o join tickets t on t.id = o.id where t.status = 'open'; return n; end $$;
create function f_rec() returns text language plpgsql as $$ declare r record; begin select id, 'x' as status into r from orders limit 1; return r.status; end $$;
create function f_str() returns text language plpgsql as $$ begin return 'orders.status'; end $$;
create function f_real() returns bigint language plpgsql as $$ begin return (select count(*) from orders where status = 'paid'); end $$;
create function f_sql() returns bigint language sql as $$ select count(*) from orders where customer = 1 $$;
create function f_dyn() returns bigint language plpgsql as $$ declare n bigint; begin execute 'select count(*) from orders where status = $1' into n using 'x'; return n; end $$;
create function trg() returns trigger language plpgsql as $$ begin if new.status = 'x' then raise notice 'y'; end if; return new; end $$;
create trigger t before insert on tickets for each row execute function trg();

-- up d
alter table orders drop column status;

-- down d
alter table orders add column status text;

-- found
-- 002.up:1 danger drop-column: the column `orders.status` is dropped: statements that still use it fail
-- 002.up:1 danger function-body-broken: the body of `f_real()` no longer works: column "status" does not exist
-- 002.up:1 warning function-body-broken: the body of `f_dyn()` may no longer work: it says `status`, and `orders.status` no longer exists
-- 002.down:1 note data-not-restored: down adds `orders.status` again, but not the old values
-- 002.down:1 note down-column-order: the columns of `orders` are in a different order after down
