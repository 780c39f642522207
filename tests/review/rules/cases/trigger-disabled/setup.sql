create table orders (id bigint generated always as identity primary key, changed timestamptz);
insert into orders (changed) select now() from generate_series(1, 200);
create function touch() returns trigger language plpgsql as 'begin new.changed := now(); return new; end';
create trigger orders_touch before update on orders for each row execute function touch();
