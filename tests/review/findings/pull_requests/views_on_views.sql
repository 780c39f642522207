-- A view and a function are replaced; down makes them as they were.

-- base
create table s (id int primary key, a int, b int);
create view v1 as select id, a from s;
create view v2 as select id, a * 2 as a2 from v1;
create function total(s) returns int language sql stable as $$ select $1.a + $1.b $$;

-- up v
create or replace view v1 as select id, a, b from s;
create or replace function total(s) returns int language sql stable as $$ select coalesce($1.a, 0) + coalesce($1.b, 0) $$;

-- down v
drop view v2;
drop view v1;
create view v1 as select id, a from s;
create view v2 as select id, a * 2 as a2 from v1;
create or replace function total(s) returns int language sql stable as $$ select $1.a + $1.b $$;

-- found
